"""The flow of scripts/clients with the client that openapi-python-client generates.

usage: openapi_python_client.py URL
"""
import sys
import uuid

from todo_api_client import AuthenticatedClient, Client
from todo_api_client.api.accounts import get_user, login, logout, register
from todo_api_client.api.lists import create_list, patch_list
from todo_api_client.api.sync import sync
from todo_api_client.api.todos import create_todo, list_todos, patch_todo
from todo_api_client.models import (
    Due, ListInput, ListPatch, LoginInput, ObjectType, Problem, ProblemCode, RecurrenceInput, Registration, SyncCommand,
    SyncCommandBodyType0, SyncInput, SyncOp, TodoInput, TodoListMismatch, TodoMismatch, TodoPatch,
)


def expect(found, wanted, what):
    if found != wanted:
        sys.exit(f"{what}: expected {wanted!r}, got {found!r}")
    print(f"ok  {what}")


url, name, password = sys.argv[1], f"clients-{uuid.uuid4()}", uuid.uuid4().hex
anonymous = Client(base_url=url)
registered = register.sync_detailed(client=anonymous, body=Registration(username=name, password=password))
expect((int(registered.status_code), registered.parsed.username), (201, name), "registers")
tokens = login.sync(client=anonymous, body=LoginInput(username=name, password=password))
api = AuthenticatedClient(base_url=url, token=tokens.access_token)

due = Due(at="2026-12-01T09:00", time_zone="Europe/Berlin")
run = create_todo.sync(client=api, body=TodoInput(name="Run", due=due, tags=["sport"]))
expect((run.due.at, run.due.time_zone, run.version), ("2026-12-01T09:00", "Europe/Berlin", 1), "creates a todo with a time")
run = patch_todo.sync(client=api, id=run.id, body=TodoPatch(due=None), if_match='"1"')
expect((run.due, run.name, run.tags), (None, "Run", ["sport"]), "removes the due date and keeps the other fields")
conflict = patch_todo.sync_detailed(client=api, id=run.id, body=TodoPatch(name="Walk"), if_match='"1"')
expect(isinstance(conflict.parsed, TodoMismatch), True, "decodes a conflict")
expect((conflict.parsed.code, conflict.parsed.current.version), (ProblemCode.VERSION_MISMATCH, 2), "has the current todo")

daily = TodoInput(name="Water", due=Due(date="2026-12-01"), recurrence=RecurrenceInput(rule="FREQ=DAILY"))
water = create_todo.sync(client=api, body=daily)
water = patch_todo.sync(client=api, id=water.id, body=TodoPatch(completed=True))
expect((water.due.date, water.completed), ("2026-12-02", False), "completes an occurrence")
page = list_todos.sync(client=api, due_before="2026-12-03", completed=False)
expect([todo.name for todo in page.items], ["Water"], "filters by a date")

home = create_list.sync(client=api, body=ListInput(name="Home"))
stale = patch_list.sync_detailed(client=api, id=home.id, body=ListPatch(name="House"), if_match='"7"')
expect(isinstance(stale.parsed, TodoListMismatch), True, "decodes a conflict of a list")
expect(stale.parsed.current.open_count, 0, "has the current list")

body = SyncCommandBodyType0.from_dict({"name": "Walk"})
commands = [
    SyncCommand(id="c1", op=SyncOp.PATCH, type_=ObjectType.TODO, target=run.id, if_version=1, body=body),
    SyncCommand(id="c2", op=SyncOp.PATCH, type_=ObjectType.LIST, target=home.id, if_version=7, body=body),
    SyncCommand(id="c3", op=SyncOp.PATCH, type_=ObjectType.TODO, target=run.id, body=body),
]
synced = sync.sync(client=api, body=SyncInput(token=None, commands=commands))
expect([result.status for result in synced.results], [412, 412, 200], "syncs")
expect([result.problem.current.name for result in synced.results[:2]], ["Run", "Home"], "has the objects of the conflicts")
# The completed occurrence is a todo of its own.
expect(sorted(todo.name for todo in synced.todos), ["Walk", "Water", "Water"], "has all todos")

expect(int(logout.sync_detailed(client=api).status_code), 204, "logs out")
refused = get_user.sync_detailed(client=api)
expect((isinstance(refused.parsed, Problem), refused.parsed.code), (True, ProblemCode.TOKEN_REVOKED), "is logged out")
