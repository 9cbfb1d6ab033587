"""The todos of the comparison, and the data of limit and fastify. The work is the same for all targets.

60 % have a description of about 80 characters, 40 % have a due date (a date, a zoned time or a floating time), and each
has 0 to 3 tags. No todo has a recurrence, a parent or a list, because completing a recurring todo or a parent causes
further writes in a service with those rules.
"""
import random
import string
from datetime import datetime, timedelta, timezone

USERNAME, PASSWORD = "bench-user-{}", "measured-Staple-42"
# bcrypt at cost 12 of PASSWORD, as limit and fastify keep it.
PASSWORD_HASH = "$2b$12$Z7h3.9V/LOr8K16sfJUOluidqebowM0xddmzDh/q2BeZhRWribfpm"
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
WORDS = ("call book the dentist garden fence paint bicycle repair invoice send draft review train ticket library return "
         "birthday present buy milk bread order filter heating water plants letter answer school form sign meeting notes "
         "before after with from every small large kitchen cellar winter summer").split()
TAGS = ["home", "work", "errand", "family", "garden", "someday"]


def words(rnd, length):
    text = rnd.choice(WORDS)
    while len(text) < length:
        text += " " + rnd.choice(WORDS)
    return text


def new_todo(rnd, mark=""):
    """The body that creates a todo whose name begins with `mark`."""
    todo = {"name": mark + words(rnd, rnd.randint(12, 40))}
    if rnd.random() < 0.6:
        todo["description"] = words(rnd, rnd.randint(60, 95))
    if rnd.random() < 0.4:
        day = (datetime(2026, 12, 1) + timedelta(days=rnd.randrange(90))).date().isoformat()
        todo["due"] = rnd.choice([{"date": day}, {"date": day}, {"at": f"{day}T09:00", "time_zone": "Europe/Berlin"},
                                  {"at": f"{day}T18:30", "time_zone": None}])
    todo["priority"] = rnd.choice(["none"] * 5 + ["low", "medium", "high"])
    todo["tags"] = rnd.sample(TAGS, rnd.randint(0, 3))
    return todo


def stored_todo(rnd, owner, k):
    """The k-th todo of an owner as limit and fastify store it. k is below 3,844."""
    from bson import ObjectId
    new = new_todo(rnd)
    at = datetime(2026, 11, 1, tzinfo=timezone.utc) + timedelta(minutes=k, milliseconds=rnd.randrange(60_000))
    completed = k % 3 == 0
    return {"_id": ObjectId(), "owner_id": owner, "list_id": None, "parent_id": None,
            "name": new["name"], "description": new.get("description", ""),
            "completed": completed, "completed_at": at if completed else None, "due": new.get("due"), "recurrence": None,
            "priority": new["priority"], "tags": new["tags"], "position": f"a{BASE62[k // 62]}{BASE62[k % 62]}",
            "occurrence_of": None, "version": 1 + completed, "created_at": at, "updated_at": at, "deleted_at": None}


def fill(db, users, todos):
    """Writes `users` users with `todos` todos each into the database of limit and fastify."""
    from bson import ObjectId
    rnd = random.Random(7)
    db.users.create_index("username", unique=True)
    db.todos.create_index([("owner_id", 1), ("position", 1), ("_id", 1)], partialFilterExpression={"deleted_at": None})
    ids = [ObjectId() for _ in range(users)]
    db.users.insert_many({"_id": id, "username": USERNAME.format(i), "password": PASSWORD_HASH} for i, id in enumerate(ids))
    for k in range(todos):  # The todos of different users alternate, as they would in production.
        db.todos.insert_many(stored_todo(rnd, id, k) for id in ids)
