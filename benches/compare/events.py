"""Work that only our service does: it sends each write to many event streams. The listener must use less CPU than the
service."""
import json
import re
import statistics
import time

from . import work
from .exchange import Exchange, connect, raw
from .load import until_calm
from .processes import Meter
from .report import calm, counted, figure, markdown

# The todos of these users change here, so no other kind of work uses them.
LISTENERS = range(100, 110)
USERS, STREAMS, WRITES_PER_SECOND = len(LISTENERS), 20, 50
LINGER_SECONDS = 2
EVENT = re.compile(rb"data: ?(\{.*\})\r?\n")


def measure(target, mongod, users, seconds):
    """An undisturbed slice: writes by users without streams, then the same writes with 20 streams for each of 10 users."""
    return until_calm(target, lambda: once(target, mongod, users, seconds))


def once(target, mongod, users, seconds):
    alone = write(target, mongod, users, seconds, [])[0]
    streams = [listen(target.port, user) for user in users for _ in range(STREAMS)]
    try:
        time.sleep(1)
        used, written, heard = write(target, mongod, users, seconds, streams)
    finally:
        for stream in streams:
            stream.close()
    delays = sorted(at - written[key] for key, at in heard if key in written)
    count, writes = max(1, len(delays)), len(written)
    slice_ = {"writes": writes, "events": len(delays), "missing": writes * STREAMS - len(delays),
              "other": max(alone["other"], used["other"])}
    if delays:
        slice_.update(p50=statistics.median(delays) * 1e3, p99=delays[len(delays) * 99 // 100] * 1e3)
    slice_.update(write_us=alone["service"] / writes * 1e6, event_us=(used["service"] - alone["service"]) / count * 1e6,
                  mongod_write_us=alone["mongod"] / writes * 1e6, mongod_us=used["mongod"] / writes * 1e6)
    return slice_


def listen(port, user):
    """Opens a stream and waits until it has started."""
    stream = connect(port)
    stream.sendall(raw("GET", "/v1/events", user.token).replace(b"application/json", b"text/event-stream"))
    head = b""
    while b"\r\n\r\n" not in head:
        head += stream.recv(4096)
    if b" 200 " not in head[:20]:
        raise SystemExit(f"events: {head[:300].decode(errors='replace')}")
    return stream


def write(target, mongod, users, seconds, streams):
    """Writes for `seconds`. Returns the CPU seconds, when each write was answered, and when each stream got
    each change."""
    todos = [(user, id) for ids in zip(*(user.ids for user in users)) for user, id in zip(users, ids)]
    # A write that changes nothing causes no event.
    requests = [raw("PATCH", f"/v1/todos/{id}", user.token, {"description": f"At {time.monotonic_ns()}"}, work.PATCH)
                for n in range(seconds * WRITES_PER_SECOND) for user, id in [todos[n % len(todos)]]]
    exchange = Exchange(target.port, 16, streams)
    meter = Meter(target.pid, mongod)
    try:
        answers = exchange.run(requests, WRITES_PER_SECOND, LINGER_SECONDS)
    finally:
        exchange.close()
    service, database, load, machine, wall = meter.passed()
    if any(answer.status != 200 for answer in answers):
        raise SystemExit("events: a write failed")
    changed = [(json.loads(answer.body), answer.done) for answer in answers]
    used = {"service": service, "mongod": database, "other": (machine - service - database - load) / wall}
    return used, {(todo["id"], todo["version"]): done for todo, done in changed}, list(changes(exchange.heard))


def changes(heard):
    """The id and version of every received todo, and when it arrived."""
    unfinished = {}
    for stream, at, data in heard:
        data = unfinished.pop(stream, b"") + data
        end = 0
        for event in EVENT.finditer(data):
            end = event.end()
            for todo in json.loads(event[1]).get("todos", []):
                yield (todo["id"], todo["version"]), at
        unfinished[stream] = data[end:]


def table(slices):
    """The medians of the slices."""
    used = calm(slices)
    columns = [("events", "events", 0), ("missing", "missing", 0), ("p50", "p50 ms", 2), ("p99", "p99 ms", 2),
               ("event_us", "service CPU us per event", 0), ("write_us", "service CPU us per write, no stream", 0),
               ("mongod_us", "mongod CPU us per write", 0), ("mongod_write_us", "the same, no stream", 0)]
    row = [figure([one[key] for one in used], digits) if key in used[0] else None for key, _, digits in columns]
    text = (f"{STREAMS} streams of each of {USERS} users on one instance, {WRITES_PER_SECOND} writes a second in all; the "
            "time is from the answer of a write to its event on each stream, 0 or below where they come together or it "
            "is first.\n\n")
    return text + markdown([*(head for _, head, _ in columns), "slices"], [[*row, counted(used)]])
