"""Work that only our service does: a client syncs after some of its many todos have changed. The number of todos in each
response is checked."""
import time

from provision import say

from . import work
from .exchange import contents, raw

USERS, TODOS, CHANGED = 8, 1000, 20
# Sync repeats the changes of the minute before a token, so the todos must be older than that.
OVERLAP_SECONDS = 65


class Synced:
    """Users with 1,000 todos each, of which 20 have changed since the sync token was issued."""

    told = ""

    def __init__(self, port, filled, rnd):
        """`filled` is the time.monotonic() at which the last todo was created."""
        self.users = work.sign_in(port, range(work.USERS, work.USERS + USERS))
        wait = filled + OVERLAP_SECONDS - time.monotonic()
        if wait > 0:
            say(f"waiting {wait:.0f} s, until the overlap of sync is over")
            time.sleep(wait)
        tokens = [self.read_all(port, user) for user in self.users]
        changes = [raw("PATCH", f"/v1/todos/{id}", user.token, {"priority": priority}, work.PATCH)
                   for priority in ("none", "high") for user in self.users for id in user.ids[:CHANGED]]
        contents(port, changes)
        self.requests = [self.ask(user, token) for user, token in zip(self.users, tokens)]
        counts = sorted(len(answer["todos"]) for answer in contents(port, self.requests))
        Synced.told = (f"A client comes with a token from before {CHANGED} of its user's {TODOS:,} todos changed; the "
                       f"answers had {counts[0]} to {counts[-1]} todos.")
        rnd.shuffle(self.requests)

    @staticmethod
    def ask(user, token):
        return raw("POST", "/v1/sync", user.token, {"token": token, "limit": 200})

    def read_all(self, port, user):
        """The sync token of a client that is up to date."""
        answer = {"token": None, "has_more": True}
        while answer["has_more"]:
            [answer] = contents(port, [self.ask(user, answer["token"])])
        return answer["token"]
