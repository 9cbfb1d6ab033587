"""The kinds of work: which users sign in, which requests they send, and the check that all targets do the same work."""
import random
import time

from . import todos
from .exchange import contents, raw

WORKS = ["list", "get", "create", "update", "login"]
USERS, TODOS = 200, 100
# Creators and readers are different users, so that created and deleted todos do not change a reader's list.
READERS, CREATORS = 32, 16
PREPARED = 3000
PAGE = "/v1/todos?limit=20"
MARK = "bench-new "
PATCH = "application/merge-patch+json"
TOKEN_SECONDS = 1800
# Every target must send at least these fields. A target with fewer would do less work. Ours may have more.
FIELDS = set("id list_id parent_id name description completed completed_at due recurrence priority tags position "
             "occurrence_of version created_at updated_at deleted_at".split())


class User:
    """A signed-in user, with the ids of the todos on the first page."""

    def __init__(self, number, token, ids):
        self.number, self.token, self.ids, self.at = number, token, ids, time.monotonic()


def credentials(number):
    return {"username": todos.USERNAME.format(number), "password": todos.PASSWORD}


def sign_in(port, numbers, name=""):
    """Signs these users in, and checks that their first pages are comparable with those of the other targets."""
    numbers = list(numbers)
    # Hashing is slow, and a login that waits too long for it gets a 503.
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
    """What is wrong with a page of 20 todos, or None."""
    items = page["items"]
    if len(items) != 20 or not page["next_cursor"]:
        return f"has {len(items)} todos and the cursor {page['next_cursor']!r}"
    if [item["position"] for item in items] != sorted(item["position"] for item in items):
        return "is not in the order of positions"
    missing = set().union(*(FIELDS - set(item) for item in items))
    return f"lacks fields: {', '.join(sorted(missing))}" if missing else None


def still_signed_in(users):
    return users and time.monotonic() - users[0].at < TOKEN_SECONDS


def prepare(work, users, rnd):
    """The raw requests to choose from."""
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
    """Deletes the todos that were created during the measurement."""
    collection.delete_many({"name": {"$regex": f"^{MARK}"}})


def fill(port, counts):
    """For each of these counts, registers a user and creates that many todos through the API. The users take turns."""
    rnd = random.Random(7)
    everyone = [credentials(number) for number in range(len(counts))]
    # One address has a share of the slots and of the hashes.
    _, logins = (contents(port, [raw("POST", path, body=user) for user in everyone], connections=2)
                 for path in ("/v1/register", "/v1/login"))
    tokens = [login["access_token"] for login in logins]
    for begin in range(0, max(counts), 10):
        owners = [token for k in range(begin, begin + 10) for token, count in zip(tokens, counts) if k < count]
        contents(port, [raw("POST", "/v1/todos", token, todos.new_todo(rnd)) for token in owners], connections=32)
