"""The kinds of work: who signs in, which requests are sent, and that all targets do the same. Must not measure anything."""
import random
import time

from . import todos
from .exchange import contents, raw

WORKS = ["list", "get", "create", "update", "login"]
USERS, TODOS = 200, 100
# Different users: what creators add, and cleaning takes away, must not lie in a reader's list.
READERS, CREATORS = 32, 16
PREPARED = 3000
PAGE = "/v1/todos?limit=20"
MARK = "bench-new "
PATCH = "application/merge-patch+json"
TOKEN_SECONDS = 1800
MEMBERS = set("id list_id parent_id name description completed completed_at due recurrence priority tags position "
              "occurrence_of version created_at updated_at deleted_at".split())


class User:
    """A user who has signed in, with the ids on the first page."""

    def __init__(self, number, token, ids):
        self.number, self.token, self.ids, self.at = number, token, ids, time.monotonic()


def credentials(number):
    return {"username": todos.USERNAME.format(number), "password": todos.PASSWORD}


def sign_in(port, numbers, name=""):
    """These users, who must have a first page of todos that are like everyone's."""
    numbers = list(numbers)
    # A hash takes long, and who waits too long for one gets a 503.
    logins = contents(port, [raw("POST", "/v1/login", body=credentials(number)) for number in numbers], connections=2)
    tokens = [login["access_token"] for login in logins]
    pages = contents(port, [raw("GET", PAGE, token) for token in tokens])
    for page in pages:
        fault = fault_of(page)
        if fault:
            raise SystemExit(f"{name}: the list {fault}: it is not the same work")
    return [User(number, token, [item["id"] for item in page["items"]])
            for number, token, page in zip(numbers, tokens, pages)]


def fault_of(page):
    """What is wrong with a page of 20 of a user's todos, or None."""
    items = page["items"]
    if len(items) != 20 or not page["next_cursor"]:
        return f"has {len(items)} todos and the cursor {page['next_cursor']!r}"
    if [item["position"] for item in items] != sorted(item["position"] for item in items):
        return "is not in the order of positions"
    wrong = set().union(*(MEMBERS ^ set(item) for item in items))
    return f"has too many or too few members: {', '.join(sorted(wrong))}" if wrong else None


def still_signed_in(users):
    return users and time.monotonic() - users[0].at < TOKEN_SECONDS


def prepare(work, users, rnd):
    """Raw requests to choose from."""
    pool = users[READERS:] if work == "create" else users[:READERS]
    return [request(work, rnd.choice(pool), rnd) for _ in range(PREPARED if work != "login" else 200)]


def request(work, user, rnd):
    one = f"/v1/todos/{rnd.choice(user.ids)}"
    if work == "login":
        return raw("POST", "/v1/login", body=credentials(user.number))
    if work == "list":
        return raw("GET", PAGE, user.token)
    if work == "get":
        return raw("GET", one, user.token)
    if work == "create":
        return raw("POST", "/v1/todos", user.token, todos.new_todo(rnd, MARK))
    return raw("PATCH", one, user.token, {"completed": rnd.random() < 0.5}, PATCH)


def clean(collection):
    """Deletes what was created while measuring."""
    collection.delete_many({"name": {"$regex": f"^{MARK}"}})


def fill(port, counts):
    """Registers a user for each of these counts and creates so many todos of each, in turn with each other's, by the API."""
    rnd = random.Random(7)
    contents(port, [raw("POST", "/v1/register", body=credentials(number)) for number in range(len(counts))])
    logins = contents(port, [raw("POST", "/v1/login", body=credentials(number)) for number in range(len(counts))])
    tokens = [login["access_token"] for login in logins]
    for begin in range(0, max(counts), 10):
        owners = [token for k in range(begin, begin + 10) for token, count in zip(tokens, counts) if k < count]
        contents(port, [raw("POST", "/v1/todos", token, todos.new_todo(rnd)) for token in owners], connections=32)
