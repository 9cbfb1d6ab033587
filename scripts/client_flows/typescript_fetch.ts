/** The flow of scripts/clients with the client that openapi-generator's typescript-fetch generates. */
import {
  AccountsApi, Configuration, ListsApi, ProblemFromJSON, ResponseError, SyncApi, TodoListMismatchFromJSON, TodoMismatchFromJSON, TodosApi,
} from "./api/index";

declare const process: { argv: string[] };

const basePath = process.argv[2] ?? "";
const user = { username: `clients-${crypto.randomUUID()}`, password: crypto.randomUUID() };

function expect(found: unknown, wanted: unknown, what: string): void {
  const [is, should] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (is !== should) throw new Error(`${what}: expected ${should}, got ${is}`);
  console.log(`ok  ${what}`);
}

/** The status and the decoded problem of a request that must fail. */
async function refused<T>(request: Promise<unknown>, decode: (json: unknown) => T): Promise<[number, T]> {
  try {
    await request;
  } catch (error) {
    if (error instanceof ResponseError) return [error.response.status, decode(await error.response.json())];
    throw error;
  }
  throw new Error("the request did not fail");
}

async function main(): Promise<void> {
  const anonymous = new AccountsApi(new Configuration({ basePath }));
  expect((await anonymous.register({ registration: user })).username, user.username, "registers");
  const { accessToken } = await anonymous.login({ loginInput: user });
  const configuration = new Configuration({ basePath, accessToken });
  const [accounts, todos, lists] = [new AccountsApi(configuration), new TodosApi(configuration), new ListsApi(configuration)];

  const due = { at: "2026-12-01T09:00", timeZone: "Europe/Berlin" };
  const run = await todos.createTodo({ todoInput: { name: "Run", due, tags: ["sport"] } });
  const { id } = run;
  expect([run.due?.at, run.due?.timeZone, run.version], [due.at, due.timeZone, 1], "creates a todo with a time");
  const cleared = await todos.patchTodo({ id, ifMatch: '"1"', todoPatch: { due: null } });
  expect([cleared.due, cleared.name, cleared.tags], [null, "Run", ["sport"]], "removes the due date and keeps the other fields");
  const [status, conflict] = await refused(todos.patchTodo({ id, ifMatch: '"1"', todoPatch: { name: "Walk" } }), TodoMismatchFromJSON);
  expect([status, conflict.code, conflict.current?.version], [412, "version_mismatch", 2], "has the current todo of a conflict");

  const daily = { name: "Water", due: { date: "2026-12-01" }, recurrence: { rule: "FREQ=DAILY" } };
  const water = await todos.createTodo({ todoInput: daily });
  const next = await todos.patchTodo({ id: water.id, todoPatch: { completed: true } });
  expect([next.due?.date, next.completed], ["2026-12-02", false], "completes an occurrence");
  const page = await todos.listTodos({ dueBefore: "2026-12-03", completed: false });
  expect(page.items.map((todo) => todo.name), ["Water"], "filters by a date");

  const home = await lists.createList({ listInput: { name: "Home" } });
  const stale = lists.patchList({ id: home.id, ifMatch: '"7"', listPatch: { name: "House" } });
  expect((await refused(stale, TodoListMismatchFromJSON))[1].current?.openCount, 0, "has the current list of a conflict");

  const walk = { op: "patch", type: "todo", target: id, body: { name: "Walk" } } as const;
  const house = { id: "c2", op: "patch", type: "list", target: home.id, ifVersion: 7, body: { name: "House" } } as const;
  const commands = [{ ...walk, id: "c1", ifVersion: 1 }, house, { ...walk, id: "c3" }];
  const synced = await new SyncApi(configuration).sync({ syncInput: { token: null, commands } });
  expect(synced.results.map((result) => result.status), [412, 412, 200], "syncs");
  const currents = synced.results.map((result) => result.problem?.current?.name ?? null);
  expect(currents, ["Run", "Home", null], "has the objects of the conflicts");
  // The completed occurrence is a todo of its own.
  expect(synced.todos.map((todo) => todo.name).sort(), ["Walk", "Water", "Water"], "has all todos");

  await accounts.logout();
  expect((await refused(accounts.getUser(), ProblemFromJSON))[1].code, "token_revoked", "is logged out");
}

await main();
