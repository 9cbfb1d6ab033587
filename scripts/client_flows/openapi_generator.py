"""The flow of scripts/clients with the Python client of openapi-generator.

usage: openapi_generator.py URL
"""
import sys
import uuid

from openapi_client import (
    AccountsApi, ApiClient, ApiException, Configuration, Due, ListInput, ListPatch, ListsApi, LoginInput, RecurrenceInput,
    Registration, SyncApi, SyncCommand, SyncInput, TodoInput, TodoPatch, TodosApi,
)


def expect(found, wanted, what):
    if found != wanted:
        sys.exit(f"{what}: expected {wanted!r}, got {found!r}")
    print(f"ok  {what}")


def refused(call, *arguments, **options):
    """The status and the decoded problem of a request that must fail."""
    try:
        call(*arguments, **options)
    except ApiException as error:
        return error.status, error.data
    return sys.exit(f"{call.__name__} did not fail")


url, name, password = sys.argv[1], f"clients-{uuid.uuid4()}", uuid.uuid4().hex
configuration = Configuration(host=url)
client = ApiClient(configuration)
accounts, todos, lists = AccountsApi(client), TodosApi(client), ListsApi(client)
expect(accounts.register(Registration(username=name, password=password)).username, name, "registers")
configuration.access_token = accounts.login(LoginInput(username=name, password=password)).access_token

due = Due(at="2026-12-01T09:00", time_zone="Europe/Berlin")
run = todos.create_todo(TodoInput(name="Run", due=due, tags=["sport"]))
expect((run.due.at, run.due.time_zone, run.version), ("2026-12-01T09:00", "Europe/Berlin", 1), "creates a todo with a time")
run = todos.patch_todo(run.id, TodoPatch(due=None), if_match='"1"')
expect((run.due, run.name, run.tags), (None, "Run", ["sport"]), "removes the due date and keeps the other fields")
status, problem = refused(todos.patch_todo, run.id, TodoPatch(name="Walk"), if_match='"1"')
expect((status, problem.code, problem.current.version), (412, "version_mismatch", 2), "has the current todo of a conflict")

daily = TodoInput(name="Water", due=Due(date="2026-12-01"), recurrence=RecurrenceInput(rule="FREQ=DAILY"))
water = todos.patch_todo(todos.create_todo(daily).id, TodoPatch(completed=True))
expect((water.due.var_date, water.completed), ("2026-12-02", False), "completes an occurrence")
page = todos.list_todos(due_before="2026-12-03", completed=False)
expect([todo.name for todo in page.items], ["Water"], "filters by a date")

home = lists.create_list(ListInput(name="Home"))
status, problem = refused(lists.patch_list, home.id, ListPatch(name="House"), if_match='"7"')
expect((status, problem.current.open_count), (412, 0), "has the current list of a conflict")

walk = {"op": "patch", "body": {"name": "Walk"}}
commands = [
    SyncCommand(id="c1", type="todo", target=run.id, if_version=1, **walk),
    SyncCommand(id="c2", type="list", target=home.id, if_version=7, **walk),
    SyncCommand(id="c3", type="todo", target=run.id, **walk),
]
synced = SyncApi(client).sync(SyncInput(token=None, commands=commands))
expect([result.status for result in synced.results], [412, 412, 200], "syncs")
expect([result.problem.current.name for result in synced.results[:2]], ["Run", "Home"], "has the objects of the conflicts")
# The completed occurrence is a todo of its own.
expect(sorted(todo.name for todo in synced.todos), ["Walk", "Water", "Water"], "has all todos")

accounts.logout()
status, problem = refused(accounts.get_user)
expect((status, problem.code), (401, "token_revoked"), "is logged out")
