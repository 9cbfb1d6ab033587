/**
 * A client of types that are generated from the API document: what the document promises is used here, by a compiler's
 * measure and then in earnest. A program for scripts/contract, which generates `api.ts`, compiles both and runs this.
 */
import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./api.js";

declare const process: { argv: string[] };

type Todo = components["schemas"]["Todo"];
type Answer<T, E> = { data?: T; error?: E; response: Response };

const url = process.argv[2] ?? "";
const user = { username: `contract-${crypto.randomUUID()}`, password: crypto.randomUUID() };

function expect(found: unknown, wanted: unknown, what: string): void {
  const [is, should] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (is !== should) throw new Error(`${what}: expected ${should}, got ${is}`);
  console.log(`ok  ${what}`);
}

/** What an answer of success with this status says. */
function got<T, E>(answer: Answer<T, E>, status: number, what: string): T {
  expect([answer.response.status, answer.error], [status, undefined], what);
  return answer.data as T;
}

/** The error of an answer with this status. */
function refused<T, E>(answer: Answer<T, E>, status: number, what: string): E {
  expect(answer.response.status, status, what);
  if (answer.error === undefined) throw new Error(`${what}: the answer tells of no error`);
  return answer.error;
}

async function logIn(): Promise<Client<paths>> {
  const anonymous = createClient<paths>({ baseUrl: url });
  const registered = got(await anonymous.POST("/v1/register", { body: user }), 201, "registers");
  expect(registered.username, user.username, "has the name");
  const tokens = got(await anonymous.POST("/v1/login", { body: { ...user, device: "contract" } }), 200, "logs in");
  return createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${tokens.access_token}` } });
}

async function write(api: Client<paths>): Promise<{ todo: Todo; stale: string }> {
  const list = got(await api.POST("/v1/lists", { body: { name: "Home", color: "#1e90ff" } }), 201, "makes a list");
  const body = { name: "Run", list_id: list.id, due: { date: "2026-12-01" }, tags: ["sport"], priority: "high" } as const;
  const made = await api.POST("/v1/todos", {
    params: { header: { "Idempotency-Key": crypto.randomUUID() } },
    body: { ...body, tags: [...body.tags] },
  });
  const stale = made.response.headers.get("ETag") ?? "";
  const { id, priority } = got(made, 201, "makes a todo");
  expect(priority satisfies "none" | "low" | "medium" | "high", "high", "keeps the priority");
  const due = { date: null, at: "2026-12-01T09:00", time_zone: "Europe/Berlin" };
  const params = { path: { id }, header: { "If-Match": stale } };
  const todo = got(await api.PATCH("/v1/todos/{id}", { params, body: { due } }), 200, "patches it under its version");
  expect(todo.due && "at" in todo.due && todo.due.at, due.at, "has the time");
  return { todo, stale };
}

async function read(api: Client<paths>, todo: Todo): Promise<void> {
  const query = { tag: ["sport"], list_id: todo.list_id ?? "none", completed: false, sort: "-due", limit: 1 } as const;
  const answer = await api.GET("/v1/todos", { params: { query: { ...query, tag: [...query.tag] } } });
  const page = got(answer, 200, "lists todos with filters");
  expect([page.items, page.next_cursor], [[todo], null], "finds it alone");
  const header = { "If-None-Match": `"${todo.version}"` };
  const again = await api.GET("/v1/todos/{id}", { params: { path: { id: todo.id }, header } });
  expect(again.response.status, 304, "reads it again under its version");
}

async function sync(api: Client<paths>, todo: Todo): Promise<void> {
  const command = { id: "c1", op: "patch", type: "todo", target: todo.id, body: { completed: true } } as const;
  const answer = got(await api.POST("/v1/sync", { body: { token: null, commands: [command] } }), 200, "syncs");
  expect(answer.results[0], { id: "c1", status: 200, version: todo.version + 1 }, "tells what became of the command");
  expect(answer.todos.map(({ id, completed }) => [id, completed]), [[todo.id, true]], "tells of the todo");
}

async function meetErrors(api: Client<paths>, todo: Todo, stale: string): Promise<void> {
  const params = { path: { id: todo.id }, header: { "If-Match": stale } };
  const mismatch = refused(await api.PATCH("/v1/todos/{id}", { params, body: { name: "Walk" } }), 412, "is out of date");
  expect([mismatch.code, mismatch.current?.id], ["version_mismatch", todo.id], "is told of the todo as it is");
  const invalid = refused(await api.POST("/v1/todos", { body: { name: " " } }), 422, "breaks a rule");
  expect([invalid.code, invalid.errors?.[0]?.pointer], ["invalid_input", "/name"], "is told which");
}

/** What the types must refuse; never run. */
export function misuse(api: Client<paths>): unknown[] {
  return [
    // @ts-expect-error: the name is required.
    api.POST("/v1/todos", { body: { priority: "high" } }),
    // @ts-expect-error: the priority is none of the four.
    api.POST("/v1/todos", { body: { name: "Run", priority: "urgent" } }),
    // @ts-expect-error: a due date of a new todo has one form.
    api.POST("/v1/todos", { body: { name: "Run", due: { date: "2026-12-01", at: "2026-12-01T09:00" } } }),
    // @ts-expect-error: there is no such order.
    api.GET("/v1/todos", { params: { query: { sort: "colour" } } }),
    // @ts-expect-error: there is no such path.
    api.GET("/v1/todo"),
  ];
}

const api = await logIn();
const { todo, stale } = await write(api);
await read(api, todo);
await sync(api, todo);
await meetErrors(api, todo, stale);
got(await api.DELETE("/v1/user"), 204, "deletes the user");
const gone = refused(await api.GET("/v1/user"), 401, "is refused");
expect(gone.code, "token_revoked", "is told why");
