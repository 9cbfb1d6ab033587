"""The default command. The speed of a machine drifts, so the targets take turns within each kind of work, and each ratio
compares slices that were measured one after the other.

Every target runs during the whole comparison, and all are stopped at the end.
"""
import contextlib
import os
import random
import tempfile
import time

from provision import say

from . import events, sync, todos, work
from .database import running
from .load import measure, wrk
from .processes import memory
from .report import figure, markdown, table, told
from .targets import FASTIFY, LIMIT, OURS, SETTINGS, Target, beside, ours

ALL = [*work.WORKS, "sync", "events"]
START_TIMES = 3


def compare(options):
    """Measures, prints the tables, and returns all slices."""
    binary = ours(options.binary)
    common = [name for name in options.only if name in work.WORKS]
    slices = []
    with tempfile.TemporaryDirectory(prefix="todo-api-bench-") as scratch, running() as database:
        targets = [Target(OURS, [binary, "serve"], database.named("todolistapp"), scratch, **SETTINGS)]
        targets += beside(options.beside, database, scratch) if common else []
        with contextlib.ExitStack() as stack:
            for target in targets:
                stack.callback(target.stop)
            fill(targets, database)
            for target in targets:
                target.keys = index_keys(stored(database, target))
            run = Run(options, database, targets, slices)
            run.warm_up(common)
            for turn in range(options.rounds):
                for name in options.only:
                    run.turn(turn, name)
        print_tables(targets, slices, options.only)
    return slices


def fill(targets, database):
    """Creates the data of all targets, then starts the targets."""
    begin = time.monotonic()
    say("filling the database")
    targets[0].start(BCRYPT_COST="4")
    work.fill(targets[0].port, [work.TODOS] * work.USERS + [sync.TODOS] * sync.USERS)
    targets[0].stop()
    if len(targets) > 1:
        todos.fill(database.client["limit"], work.USERS, work.TODOS)
    say(f"filled in {time.monotonic() - begin:.0f} s")
    for target in targets:
        target.start(times=START_TIMES)


def stored(database, target):
    """The todos of a target, as MongoDB stores them."""
    return database.client["todolistapp" if target.name == OURS else "limit"].todos


def index_keys(todos):
    """The number of index keys that creating a todo adds, on average."""
    state = todos.database.command("validate", todos.name)
    return sum(state["keysPerIndex"].values()) / state["nrecords"]


class Run:
    """The state that is kept between turns."""

    def __init__(self, options, database, targets, slices):
        self.options, self.database, self.targets, self.slices = options, database, targets, slices
        self.rnd, self.users, self.synced, self.filled = random.Random(), {}, None, time.monotonic()

    def signed_in(self, target, numbers=range(work.READERS + work.CREATORS)):
        if not work.still_signed_in(self.users.get((target, numbers))):
            self.users[target, numbers] = work.sign_in(target.port, numbers, target.name)
        return self.users[target, numbers]

    def clean(self, target):
        work.clean(stored(self.database, target))

    def warm_up(self, names):
        """Opens connections, fills caches and lets the JIT compiler work."""
        for target in self.targets:
            for name in names:
                if name != "login":
                    requests = work.prepare(name, self.signed_in(target), self.rnd)
                    wrk(target, self.database.pid, requests, self.options.seconds, self.options.connections)
            self.clean(target)

    def turn(self, turn, name):
        for target in self.targets if name in work.WORKS else self.targets[:1]:
            slice_ = self.events(target) if name == "events" else self.load(target, name)
            target.loaded = memory(target.pid)
            self.slices.append({"label": target.name, "work": name, "turn": turn, **slice_})
            say(f"{turn + 1} {name} {target.name}: {told(slice_)}")

    def events(self, target):
        return events.measure(target, self.database.pid, self.signed_in(target, events.LISTENERS), self.options.seconds)

    def load(self, target, name):
        if name == "sync":
            requests = self.sync_requests(target)
        else:
            requests = work.prepare(name, self.signed_in(target), self.rnd)
        connections = self.options.connections
        if name == "login":  # Hashing is slow, so keep the queues short.
            connections = min(connections, 2 * os.cpu_count())
        return measure(target, self.database.pid, requests, self.options.seconds, connections,
                       lambda: self.clean(target) if name == "create" else None)

    def sync_requests(self, target):
        if not self.synced or not work.still_signed_in(self.synced.users):
            self.synced = sync.Synced(target.port, self.filled, self.rnd)
        return self.synced.requests


def print_tables(targets, slices, names):
    """One table for each kind of work, then one for the resources of the targets."""
    print(f"{OURS} writes its log and records its metrics (`METRICS_ADDR`); only its rate limits are off.\n")
    for name in names:
        mine = [one for one in slices if one["work"] == name]
        print(f"### {name}\n")
        if name == "sync":
            print(f"{sync.Synced.told}\n")
        peers = [target.name for target in targets if target.name.startswith(FASTIFY)]
        print(events.table(mine) if name == "events" else table("target", mine, LIMIT, peers))
    rows = [[target.name, figure(target.starts, 3), figure([target.idle], 0), target.loaded and figure([target.loaded], 0),
             target.binary and figure([target.binary], 1), figure([target.keys], 1)] for target in targets]
    print("### start, memory, size\n")
    head = ["target", f"ready after s (median of {START_TIMES})", "idle MiB", "after load MiB", "program MiB",
            "index keys of a new todo"]
    print(markdown(head, rows))
