// The peer: the same work in a good Node service, with Fastify, the official MongoDB driver, @fastify/jwt, and response
// schemas, so that compiled serializers write the responses. WORKERS processes share the port.
'use strict';
const cluster = require('node:cluster');
const { MongoClient, ObjectId } = require('mongodb');
const bcrypt = require('bcrypt');
const app = require('fastify')({ logger: false, ajv: { customOptions: { removeAdditional: false } } });

const TOKEN_SECONDS = 86400;
const string = { type: 'string' };
const maybe = schema => ({ ...schema, nullable: true });
const time = { type: 'string', format: 'date-time' };
const boolean = { type: 'boolean' };
const object = (properties, required) => ({ type: 'object', properties, required });

const due = object({ date: string, at: string, time_zone: maybe(string) });
const todo = object({
  id: string, list_id: maybe(string), parent_id: maybe(string), name: string, description: string,
  completed: boolean, completed_at: maybe(time), due: maybe(due),
  recurrence: maybe(object({ rule: string, basis: string })), priority: string, tags: { type: 'array', items: string },
  position: string, occurrence_of: maybe(string), version: { type: 'integer' },
  created_at: time, updated_at: time, deleted_at: maybe(time),
});
const page = object({ items: { type: 'array', items: todo }, next_cursor: maybe(string) });
const newTodo = {
  ...object({
    name: { type: 'string', minLength: 1, maxLength: 500 }, description: string,
    due: maybe({ ...due, additionalProperties: false }), priority: { enum: ['none', 'low', 'medium', 'high'] },
    tags: { type: 'array', items: string, maxItems: 50 },
  }, ['name']),
  additionalProperties: false,
};
const patch = { ...object({ completed: boolean }, ['completed']), additionalProperties: false };
const credentials = object({ username: string, password: string }, ['username', 'password']);
const query = object({ limit: { type: 'integer', minimum: 1, maximum: 200, default: 50 }, cursor: string });
const params = object({ id: { type: 'string', pattern: '^[0-9a-f]{24}$' } });

const hex = id => id && id.toHexString();
const wire = d => ({
  id: d._id.toHexString(), list_id: hex(d.list_id), parent_id: hex(d.parent_id), name: d.name, description: d.description,
  completed: d.completed, completed_at: d.completed_at, due: d.due, recurrence: d.recurrence, priority: d.priority,
  tags: d.tags, position: d.position, occurrence_of: hex(d.occurrence_of), version: d.version,
  created_at: d.created_at, updated_at: d.updated_at, deleted_at: d.deleted_at,
});

// A cursor is the position and id of the last todo.
const cursor = d => Buffer.from(`${d.position} ${d._id.toHexString()}`).toString('base64url');
const after = given => {
  const [position, id] = Buffer.from(given, 'base64url').toString().split(' ');
  return { $or: [{ position: { $gt: position } }, { position, _id: { $gt: ObjectId.createFromHexString(id) } }] };
};
const notFound = reply => reply.code(404).send({ code: 'not_found' });

async function main() {
  const client = await MongoClient.connect(process.env.MONGODB_URI, {
    maxPoolSize: 32, writeConcern: { w: 'majority', journal: true },
  });
  const db = client.db(process.env.BENCH_DB);
  const todos = db.collection('todos'), users = db.collection('users');

  app.register(require('@fastify/jwt'), {
    secret: process.env.JWT_SECRET, sign: { algorithm: 'HS256', expiresIn: TOKEN_SECONDS }, verify: { algorithms: ['HS256'] },
  });
  app.addContentTypeParser('application/merge-patch+json', { parseAs: 'string' }, app.getDefaultJsonParser('error', 'error'));
  app.decorateRequest('owner', null);

  const onRequest = async (request, reply) => {
    try { await request.jwtVerify(); } catch { return reply.code(401).send({ code: 'token_invalid' }); }
    request.owner = ObjectId.createFromHexString(request.user.sub);
  };
  const theirs = request =>
    ({ _id: ObjectId.createFromHexString(request.params.id), owner_id: request.owner, deleted_at: null });

  app.post('/v1/login', { schema: { body: credentials } }, async (request, reply) => {
    const user = await users.findOne({ username: request.body.username });
    if (!user || !await bcrypt.compare(request.body.password, user.password)) {
      return reply.code(401).send({ code: 'invalid_credentials' });
    }
    const access_token = app.jwt.sign({ sub: user._id.toHexString(), jti: new ObjectId().toHexString() });
    return { token_type: 'Bearer', access_token, expires_in: TOKEN_SECONDS };
  });

  app.get('/v1/todos', { onRequest, schema: { querystring: query, response: { 200: page } } }, async request => {
    const { limit, cursor: given } = request.query;
    const filter = { owner_id: request.owner, deleted_at: null, ...(given && after(given)) };
    // One todo more than requested shows whether there is a next page.
    const found = await todos.find(filter).sort({ position: 1, _id: 1 }).limit(limit + 1).toArray();
    const more = found.length > limit;
    if (more) found.pop();
    return { items: found.map(wire), next_cursor: more ? cursor(found[limit - 1]) : null };
  });

  app.get('/v1/todos/:id', { onRequest, schema: { params, response: { 200: todo } } }, async (request, reply) => {
    const found = await todos.findOne(theirs(request));
    return found ? wire(found) : notFound(reply);
  });

  app.post('/v1/todos', { onRequest, schema: { body: newTodo, response: { 201: todo } } }, async (request, reply) => {
    const { name, description = '', due = null, priority = 'none', tags = [] } = request.body;
    const _id = new ObjectId(), now = new Date(), id = _id.toHexString();
    const stored = {
      _id, owner_id: request.owner, list_id: null, parent_id: null, name, description, completed: false, completed_at: null,
      // Time, then the counter of the id: sorts after every existing todo, without a query.
      due, recurrence: null, priority, tags, position: `b${id.slice(0, 8)}${id.slice(18)}`, occurrence_of: null, version: 1,
      created_at: now, updated_at: now, deleted_at: null,
    };
    await todos.insertOne(stored);
    return reply.code(201).send(wire(stored));
  });

  app.patch('/v1/todos/:id', { onRequest, schema: { params, body: patch, response: { 200: todo } } }, async (request, reply) => {
    const { completed } = request.body, now = new Date();
    const update = { $set: { completed, completed_at: completed ? now : null, updated_at: now }, $inc: { version: 1 } };
    const changed = await todos.findOneAndUpdate(theirs(request), update, { returnDocument: 'after' });
    return changed ? wire(changed) : notFound(reply);
  });

  await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) });
}

const workers = Number(process.env.WORKERS || 1);
if (workers > 1 && cluster.isPrimary) {
  for (let n = 0; n < workers; n++) cluster.fork();
} else {
  main();
}
