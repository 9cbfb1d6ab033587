"""The command `growth`: how the cost of a page grows with todos and connections. It compares only slices of one turn."""
import contextlib
import random
import statistics
import subprocess
import tempfile
import time

from provision import fail, say

from . import work
from .database import running
from .exchange import ask_all
from .load import measure, until_calm
from .processes import Meter
from .report import calm, figure, table, told
from .targets import OURS, SETTINGS, Target, ours

# The number of todos per user, besides the todos that make the collection large.
FEW, MANY = [100] * 16, [1_000] * 4 + [10_000] * 2
CONNECTIONS, USUAL = (1, 4, 16, 64, 256), 32
START_TIMES = 5
HALF = "at half of the highest rate"
# The first number of the users with that many todos.
FIRST = {100: 0, 1_000: 16, 10_000: 20}


def grow(options):
    """Measures, prints the tables, and returns all slices."""
    binary = ours(options.binary)
    with tempfile.TemporaryDirectory(prefix="todo-api-bench-") as scratch, running() as database:
        small, large = (Target(f"{OURS}-{name}", [binary, "serve"], database.named(name), scratch, **SETTINGS)
                        for name in ("small", "large"))
        with contextlib.ExitStack() as stack:
            for target, counts, todos in (small, FEW, options.todos_max // 10), (large, FEW + MANY, options.todos_max):
                stack.callback(target.stop)
                fill(target, counts, todos)
                target.start(times=START_TIMES if target is large else 1)
            curves = Curves(options, database, small, large)
            slices = curves.measure()
            slices += curves.pace(slices)
    print_tables(large, slices)
    return slices


def fill(target, counts, todos):
    """Creates a user for each count, and demo data until the collection has that many todos."""
    begin = time.monotonic()
    say(f"filling the {target.name.split('-')[-1]} database")
    target.start(BCRYPT_COST="4")
    work.fill(target.port, counts)
    target.stop()
    command = [*target.command[:-1], "seed", "--force", "--todos", str(max(0, todos - sum(counts)))]
    environment = {**target.environment(), "LOG_FORMAT": "text"}
    if subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode:
        fail("todo-api seed failed; its message is above")
    say(f"filled in {time.monotonic() - begin:.0f} s")


class Curves:
    """The points that take turns. Each has a label, a target, requests and a number of connections."""

    def __init__(self, options, database, small, large):
        self.options, self.database, self.small, self.large = options, database, small, large
        self.rnd, self.signed_in = random.Random(), {}

    def users(self, target, count):
        """The users of a target who have that many todos."""
        key = target, count
        if not work.still_signed_in(self.signed_in.get(key)):
            numbers = [FIRST[count] + n for n in range((FEW + MANY).count(count))]
            self.signed_in[key] = work.sign_in(target.port, numbers, target.name)
        return self.signed_in[key]

    def points(self):
        for count in FIRST:
            yield "todos of the user", f"{count:,}", self.large, count, "list", USUAL
        for target in self.small, self.large:
            todos = self.database.client[target.name.split("-")[-1]].todos.estimated_document_count()
            yield "todos in the collection", f"{todos:,}", target, 100, "list", USUAL
        for connections in CONNECTIONS:
            yield "connections", str(connections), self.large, 100, "list", connections
        yield "get", f"{USUAL} connections", self.large, 100, "get", USUAL

    def measure(self):
        slices = []
        for turn in range(self.options.rounds):
            for curve, label, target, count, name, connections in self.points():
                requests = work.prepare(name, self.users(target, count), self.rnd)
                slice_ = measure(target, self.database.pid, requests, self.options.seconds, connections)
                slices.append({"label": label, "work": curve, "turn": turn, **slice_})
                say(f"{turn + 1} {curve}: {label}: {told(slice_)}")
        return slices

    def pace(self, slices):
        """List and get, each at half of its highest rate. For list, that is the highest over all numbers of
        connections."""
        peaks = {name: highest([one for one in slices if one["work"] == curve])
                 for name, curve in (("list", "connections"), ("get", "get"))}
        paced = []
        for turn in range(self.options.rounds):
            for name, peak in peaks.items():
                prepared = work.prepare(name, self.users(self.large, 100), self.rnd)
                requests = self.rnd.choices(prepared, k=int(peak / 2 * self.options.seconds))
                slice_ = until_calm(self.large, lambda: pace(self.large, self.database.pid, requests, peak / 2))
                paced.append({"label": f"{name}, half of {peak:.0f}/s", "work": HALF, "turn": turn, **slice_})
                say(f"{turn + 1} {name} at half of the highest rate: {told(slice_)}")
        return paced


def highest(slices):
    """The highest median rate of the labels."""
    used = [calm([one for one in slices if one["label"] == label]) for label in {one["label"] for one in slices}]
    return max(statistics.median(one["rate"] for one in mine) for mine in used)


def pace(target, mongod, requests, rate):
    """Requests at a fixed rate, however slow the responses are. Times count from when a request was due."""
    meter = Meter(target.pid, mongod)
    answers = ask_all(target.port, requests, 64, rate)
    service, database, load, machine, wall = meter.passed()
    times, count = sorted(answer.done - answer.due for answer in answers), len(answers)
    took = max(answer.done for answer in answers) - answers[0].due
    return {"rate": count / took, "p50": times[count // 2] * 1e3, "p99": times[count * 99 // 100] * 1e3,
            "service_us": service / count * 1e6, "mongod_us": database / count * 1e6,
            "bytes": sum(len(answer.body) for answer in answers) / count,
            "errors": sum(answer.status != 200 for answer in answers), "other": (machine - service - database - load) / wall}


def print_tables(large, slices):
    """One table for each curve, with ratios to its first point, then the start."""
    for curve in dict.fromkeys(one["work"] for one in slices):
        mine = [one for one in slices if one["work"] == curve]
        print(f"### {curve}\n\n{table(curve, mine, mine[0]['label'] if curve not in ('get', HALF) else None)}")
    print(f"### start\n\nOn the large collection ready after {figure(large.starts, 3)} s (median of {START_TIMES}, at "
          f"most {max(large.starts):.3f} s), idle at {large.idle:.0f} MiB.")
