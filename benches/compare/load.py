"""Slices of load from wrk, with the CPU time that each process used."""
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from provision import fail

from .processes import Meter, settle

REPLAY = Path(__file__).resolve().parent / "replay.lua"
# If other processes used more cores than this, the slice is measured again, up to this many times.
DISTURBED, TRIES = 0.15, 3


def need_wrk():
    if not Path("/proc/self/stat").exists():
        fail("CPU is read from /proc, which only Linux has")
    if not shutil.which("wrk"):
        fail("wrk is not on the PATH: install it (on Debian and Ubuntu: apt install wrk)")


def lua(request):
    """The bytes as a Lua string."""
    return '"' + "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\{b:03d}" for b in request) + '"'


def wrk(target, mongod, requests, seconds, connections):
    """One slice: rate, latencies in ms, CPU per request in microseconds."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write("return {\n" + ",\n".join(map(lua, requests)) + "}\n")
        file.flush()
        meter = Meter(target.pid, mongod)
        done = subprocess.run(["wrk", f"-t{min(2, connections)}", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s",
                               "-s", str(REPLAY), f"http://127.0.0.1:{target.port}"],
                              env={**os.environ, "BENCH_REQUESTS": file.name}, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, universal_newlines=True)
        service, database, load, machine, wall = meter.passed()
    summary = [line for line in done.stdout.splitlines() if line.startswith("JSON ")]
    if not summary:
        fail(f"wrk failed:\n{done.stdout}")
    slice_ = json.loads(summary[0][5:])
    count = max(1, slice_["requests"])
    slice_.update(rate=count / slice_["us"] * 1e6, service_us=service / count * 1e6, mongod_us=database / count * 1e6,
                  bytes=slice_["bytes"] / count, other=(machine - service - database - load) / wall)
    return slice_


def measure(target, mongod, requests, seconds, connections, after=lambda: None):
    """An undisturbed slice, after a short one that does not count. `after` undoes the changes of a slice."""
    def once():
        wrk(target, mongod, requests, 1, connections)
        slice_ = wrk(target, mongod, requests, seconds, connections)
        settle(target.pid)
        after()
        return slice_
    return until_calm(target, once)


def until_calm(target, once):
    """The slice that `once` returns, measured again while other processes use the cores."""
    for _ in range(TRIES):
        slice_ = once()
        target.forget_log()
        if slice_["other"] < DISTURBED:
            break
    return {key: round(value, 3) for key, value in slice_.items()}
