"""The private MongoDB that all targets use: one node, on disk. It is stopped and its data is deleted at the end."""
import contextlib
import os
import re
import subprocess
from pathlib import Path

MONGOD = Path(__file__).resolve().parents[2] / "scripts" / "mongod"
# The memory that scripts/mongod gives a development database is too little for a million todos.
CACHE = "cache_size=2G"


class Database:
    def __init__(self, uri, pid, client):
        self.uri, self.pid, self.client = uri, pid, client

    def named(self, name):
        """The URI of a database in this MongoDB."""
        return self.uri.replace("/?", f"/{name}?")


def mongod(name, *arguments):
    run = subprocess.run([MONGOD, "--name", name, *arguments], stdout=subprocess.PIPE, universal_newlines=True)
    if run.returncode:
        raise SystemExit(f"scripts/mongod {arguments[0]} failed; its message is above")
    return run.stdout.strip()


@contextlib.contextmanager
def running():
    import pymongo
    name = f"bench-{os.getpid()}"
    try:
        uri = mongod(name, "start")
        pid = int(re.search(r"pid (\d+)", mongod(name, "status"))[1])
        with pymongo.MongoClient(uri) as client:
            client.admin.command("setParameter", 1, wiredTigerEngineRuntimeConfig=CACHE)
            yield Database(uri, pid, client)
    finally:
        mongod(name, "stop", "--purge")
