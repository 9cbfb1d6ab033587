/**
 * A client with types generated from the API document. Compiling it checks the types; running it checks the service.
 * scripts/contract generates `api.ts`, compiles both files and runs this one.
 */
import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./api.js";

declare const process: { argv: string[] };

type Todo = components["schemas"]["Todo"];
type Result<T, E> = { data?: T; error?: E; response: Response };

const url = process.argv[2] ?? "";
const user = { username: `contract-${crypto.randomUUID()}`, password: crypto.randomUUID() };

function expect(found: unknown, wanted: unknown, what: string): void {
  const [is, should] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (is !== should) throw new Error(`${what}: expected ${should}, got ${is}`);
  console.log(`ok  ${what}`);
}

/** The data of a successful response with this status. */
function got<T, E>(result: Result<T, E>, status: number, what: string): T {
  expect([result.response.status, result.error], [status, undefined], what);
  return result.data as T;
}

/** The error of a response with this status. */
function refused<T, E>(result: Result<T, E>, status: number, what: string): E {
  expect(result.response.status, status, what);
  if (result.error === undefined) throw new Error(`${what}: the response has no error`);
  return result.error;
}

async function logIn(): Promise<Client<paths>> {
  const anonymous = createClient<paths>({ baseUrl: url });
  const registered = got(await anonymous.POST("/v1/register", { body: user }), 201, "registers");
  expect(registered.username, user.username, "has the name");
  const tokens = got(await anonymous.POST("/v1/login", { body: { ...user, device: "contract" } }), 200, "logs in");
  return createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${tokens.access_token}` } });
}

async function write(api: Client<paths>): Promise<{ todo: Todo; stale: string }> {
  const list = got(await api.POST("/v1/lists", { body: { name: "Home", color: "#1e90ff" } }), 201, "creates a list");
  const body = { name: "Run", list_id: list.id, due: { date: "2026-12-01" }, tags: ["sport"], priority: "high" } as const;
  const made = await api.POST("/v1/todos", {
    params: { header: { "Idempotency-Key": crypto.randomUUID() } },
    body: { ...body, tags: [...body.tags] },
  });
  const stale = made.response.headers.get("ETag") ?? "";
  const { id, priority } = got(made, 201, "creates a todo");
  expect(priority satisfies "none" | "low" | "medium" | "high", "high", "keeps the priority");
  const due = { at: "2026-12-01T09:00", time_zone: "Europe/Berlin" };
  const params = { path: { id }, header: { "If-Match": stale } };
  const todo = got(await api.PATCH("/v1/todos/{id}", { params, body: { due } }), 200, "patches the todo with its version");
  expect(todo.due, due, "has the time and no date");
  return { todo, stale };
}

async function read(api: Client<paths>, todo: Todo): Promise<void> {
  const query = { tag: ["sport"], list_id: todo.list_id ?? "none", completed: false, sort: "-due", limit: 1 } as const;
  const result = await api.GET("/v1/todos", { params: { query: { ...query, tag: [...query.tag] } } });
  const page = got(result, 200, "lists todos with filters");
  expect([page.items, page.next_cursor], [[todo], null], "finds only this todo");
  const header = { "If-None-Match": `"${todo.version}"` };
  const again = await api.GET("/v1/todos/{id}", { params: { path: { id: todo.id }, header } });
  expect(again.response.status, 304, "gets 304 for the same version");
}

async function sync(api: Client<paths>, todo: Todo): Promise<void> {
  const command = { id: "c1", op: "patch", type: "todo", target: todo.id, body: { completed: true } } as const;
  const result = got(await api.POST("/v1/sync", { body: { token: null, commands: [command] } }), 200, "syncs");
  expect(result.results[0], { id: "c1", status: 200, version: todo.version + 1 }, "returns the result of the command");
  expect(result.todos.map(({ id, completed }) => [id, completed]), [[todo.id, true]], "returns the changed todo");
}

async function meetErrors(api: Client<paths>, todo: Todo, stale: string): Promise<void> {
  const params = { path: { id: todo.id }, header: { "If-Match": stale } };
  const mismatch = refused(await api.PATCH("/v1/todos/{id}", { params, body: { name: "Walk" } }), 412, "rejects an old version");
  const current = "current" in mismatch ? mismatch.current : undefined;
  expect([mismatch.code, current?.id], ["version_mismatch", todo.id], "returns the current todo");
  const invalid = refused(await api.POST("/v1/todos", { body: { name: " " } }), 422, "rejects an empty name");
  expect([invalid.code, invalid.errors?.[0]?.pointer], ["invalid_input", "/name"], "returns the violation");
}

/** Code that must not compile; never run. */
export function misuse(api: Client<paths>): unknown[] {
  return [
    // @ts-expect-error: the name is required.
    api.POST("/v1/todos", { body: { priority: "high" } }),
    // @ts-expect-error: the priority does not exist.
    api.POST("/v1/todos", { body: { name: "Run", priority: "urgent" } }),
    // @ts-expect-error: a patch cannot clear the priority with null.
    api.PATCH("/v1/todos/{id}", { params: { path: { id: "" } }, body: { priority: null } }),
    // @ts-expect-error: the order does not exist.
    api.GET("/v1/todos", { params: { query: { sort: "colour" } } }),
    // @ts-expect-error: the path does not exist.
    api.GET("/v1/todo"),
  ];
}

const api = await logIn();
const { todo, stale } = await write(api);
await read(api, todo);
await sync(api, todo);
await meetErrors(api, todo, stale);
got(await api.DELETE("/v1/user"), 204, "deletes the user");
const gone = refused(await api.GET("/v1/user"), 401, "rejects the token");
expect(gone.code, "token_revoked", "returns the reason");
