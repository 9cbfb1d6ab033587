/** The flow of scripts/clients with the client that hey-api generates. */
import { createClient } from "./api/client";
import {
  createList, createTodo, getUser, listTodos, login, logout, patchList, patchTodo, register, sync,
} from "./api/sdk.gen";

declare const process: { argv: string[] };

const baseUrl = process.argv[2] ?? "";
const user = { username: `clients-${crypto.randomUUID()}`, password: crypto.randomUUID() };

function expect(found: unknown, wanted: unknown, what: string): void {
  const [is, should] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (is !== should) throw new Error(`${what}: expected ${should}, got ${is}`);
  console.log(`ok  ${what}`);
}

function got<T>(result: { data?: T | undefined; error?: unknown }, what: string): T {
  if (result.data === undefined) throw new Error(`${what}: ${JSON.stringify(result.error)}`);
  console.log(`ok  ${what}`);
  return result.data;
}

async function main(): Promise<void> {
  const anonymous = createClient({ baseUrl });
  expect(got(await register({ client: anonymous, body: user }), "registers").username, user.username, "has the name");
  const tokens = got(await login({ client: anonymous, body: user }), "logs in");
  const client = createClient({ baseUrl, auth: () => tokens.access_token });

  const due = { at: "2026-12-01T09:00", time_zone: "Europe/Berlin" };
  const run = got(await createTodo({ client, body: { name: "Run", due, tags: ["sport"] } }), "creates a todo with a time");
  const { id } = run;
  expect([run.due?.at, run.version], [due.at, 1], "has the time");
  const headers = { "If-Match": '"1"' };
  const cleared = got(await patchTodo({ client, path: { id }, headers, body: { due: null } }), "removes the due date");
  expect([cleared.due, cleared.name, cleared.tags], [null, "Run", ["sport"]], "keeps the other fields");
  const conflict = await patchTodo({ client, path: { id }, headers, body: { name: "Walk" } });
  expect(conflict.response?.status, 412, "gets a conflict");
  const mismatch = conflict.error && "current" in conflict.error ? conflict.error : undefined;
  expect([mismatch?.code, mismatch?.current?.version], ["version_mismatch", 2], "has the current todo");

  const daily = { name: "Water", due: { date: "2026-12-01" }, recurrence: { rule: "FREQ=DAILY" } };
  const water = got(await createTodo({ client, body: daily }), "creates a recurring todo");
  const next = got(await patchTodo({ client, path: { id: water.id }, body: { completed: true } }), "completes an occurrence");
  expect([next.due?.date, next.completed], ["2026-12-02", false], "goes on");
  const page = got(await listTodos({ client, query: { due_before: "2026-12-03", completed: false } }), "filters by a date");
  expect(page.items.map((todo) => todo.name), ["Water"], "finds the todo");

  const home = got(await createList({ client, body: { name: "Home" } }), "creates a list");
  const stale = await patchList({ client, path: { id: home.id }, headers: { "If-Match": '"7"' }, body: { name: "House" } });
  expect(stale.error && "current" in stale.error && stale.error.current?.open_count, 0, "has the current list");

  const walk = { op: "patch", type: "todo", target: id, body: { name: "Walk" } } as const;
  const house = { id: "c2", op: "patch", type: "list", target: home.id, if_version: 7, body: { name: "House" } } as const;
  const commands = [{ ...walk, id: "c1", if_version: 1 }, house, { ...walk, id: "c3" }];
  const synced = got(await sync({ client, body: { token: null, commands } }), "syncs");
  expect(synced.results.map((result) => result.status), [412, 412, 200], "has one result for each command");
  const currents = synced.results.map((result) => result.problem?.current?.name ?? null);
  expect(currents, ["Run", "Home", null], "has the objects of the conflicts");
  // The completed occurrence is a todo of its own.
  expect(synced.todos.map((todo) => todo.name).sort(), ["Walk", "Water", "Water"], "has all todos");

  expect((await logout({ client })).response?.status, 204, "logs out");
  expect((await getUser({ client })).error?.code, "token_revoked", "is logged out");
}

await main();
