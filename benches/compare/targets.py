"""Builds, starts and stops the measured programs."""
import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from provision import CACHE, fail, node_modules_with, say

from .processes import memory

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OURS, LIMIT, FASTIFY = "todo-api", "limit", "fastify"
SECRET = "only-for-measuring-only-for-measuring"
# As in production, except that throttles are off, because many users log in from one address. The log line of each
# request is part of the measured cost.
SETTINGS = {"HOST": "127.0.0.1", "JWT_SECRET": SECRET, "THROTTLES": "off", "LOG_FORMAT": "json", "ACCESS_TOKEN_TTL": "1h",
            "METRICS_ADDR": "127.0.0.1:0"}
FASTIFY_PACKAGES = ["fastify@5.12.8", "@fastify/jwt@10.2.8", "bcrypt@6.0.0", "mongodb@7.8.0"]
START_SECONDS = 120


class Target:
    """A program that serves the todos of one database on its own port."""

    def __init__(self, name, command, uri, scratch, **settings):
        self.name, self.command, self.uri = name, [str(part) for part in command], uri
        self.log = Path(scratch) / f"{name}.log"
        self.settings, self.process, self.port = settings, None, None
        self.starts, self.idle, self.loaded, self.keys = [], None, None, None

    @property
    def pid(self):
        return self.process.pid

    @property
    def binary(self):
        """The size of the program in MiB, or None where it needs an interpreter."""
        return None if self.command[0] == "node" else Path(self.command[0]).stat().st_size / 1024 ** 2

    def start(self, times=1, **settings):
        """Starts the program `times` times and leaves it running. `starts` collects the seconds until it was ready."""
        self.starts = []
        for number in range(times):
            if number:
                self.stop()
            self.starts.append(self.start_once(settings))
        time.sleep(2)
        self.idle = memory(self.pid)

    def start_once(self, settings):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        environment = {**self.environment(), "PORT": str(self.port), **settings}
        begin = time.perf_counter()
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(self.command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=self.log.parent, start_new_session=True)
        while not self.is_ready():
            if self.process.poll() is not None or time.perf_counter() - begin > START_SECONDS:
                self.stop()
                fail(f"{self.name} did not start; the end of what it said:\n{self.log.read_text(errors='replace')[-1000:]}")
            time.sleep(0.002)
        return time.perf_counter() - begin

    def environment(self):
        """Only the variables that a program needs, because the settings of a developer would change the results."""
        mine = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {**mine, "MONGODB_URI": self.uri, **self.settings}

    def is_ready(self):
        """Our service has a route for this. The others have none, and are ready as soon as they listen."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
            connection.request("GET", "/readyz")
            return connection.getresponse().status < 500
        return False

    def stop(self):
        if self.process and self.process.poll() is None:
            os.killpg(self.pid, signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self.pid, signal.SIGKILL)
                self.process.wait()

    def forget_log(self):
        """Frees disk space."""
        os.truncate(self.log, 0)


def built(target_directory, name, *arguments):
    """The release binary of that name."""
    say(f"building {name}")
    command = ["cargo", "build", "--release", "--locked", "--quiet", "--target-dir", str(target_directory), *arguments]
    if subprocess.run(command, cwd=ROOT).returncode:
        fail(f"cargo could not build {name}; its message is above")
    return Path(target_directory) / "release" / name


def ours(binary):
    """The path of the release binary of the service: the given one, or one that is built now."""
    if binary:
        return Path(binary).resolve() if os.access(binary, os.X_OK) else fail(f"{binary} is no program")
    return built(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target", OURS)


def beside(names, database, scratch):
    """The targets to compare with."""
    targets, common = [], {"JWT_SECRET": SECRET, "BENCH_DB": "limit"}
    if LIMIT in names:
        manifest = str(HERE / "limit" / "Cargo.toml")
        program = built(os.environ.get("CARGO_TARGET_DIR") or CACHE / "limit", LIMIT, "--manifest-path", manifest)
        targets.append(Target(LIMIT, [program], database.uri, scratch, **common))
    if FASTIFY in names:
        if not shutil.which("node"):
            fail("node is missing: install Node.js (20.19 or newer)")
        common.update(NODE_ENV="production", NODE_PATH=str(node_modules_with(*FASTIFY_PACKAGES)))
        for count in (1, 2):
            targets.append(Target(f"{FASTIFY}-{count}", ["node", HERE / "fastify" / "app.js"], database.uri, scratch,
                                  WORKERS=str(count), **common))
    return targets
