"""Finds, starts, joins and stops the processes of a replica set or of a standalone server.

A module for scripts/mongod, not a command.
"""
import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from provision import fail

START_SECONDS, STOP_SECONDS = 60, 15
# Tests create hundreds of databases. A mongod keeps the files of idle collections open for 10 minutes, and those of
# dropped ones for 5, until it reaches the limit of open files and aborts.
FEW_OPEN_FILES = [argument for parameter in ("wiredTigerFileHandleCloseIdleTime=10",
                                             "minSnapshotHistoryWindowInSeconds=30")
                  for argument in ("--setParameter", parameter)]


class Node:
    def __init__(self, base, number, port):
        self.port, self.host = port, f"127.0.0.1:{port}"
        self.data, self.log = base / f"node{number}", base / f"node{number}.log"

    def pid(self):
        """The process id. Identifies the process by its data directory, so it never belongs to another server."""
        for pid, command in processes():
            program, _, arguments = command.partition(" --dbpath ")
            if program.endswith("/mongod") and arguments.startswith(f"{self.data} "):
                return pid
        return None

    def launch(self, program, kind):
        self.data.mkdir(parents=True, exist_ok=True)
        if self.log.exists():
            os.replace(self.log, f"{self.log}.old")
        command = [program, "--dbpath", str(self.data), "--bind_ip", "127.0.0.1", "--port", str(self.port),
                   "--nounixsocket", "--wiredTigerCacheSizeGB", "0.5",
                   "--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100",
                   "--setParameter", "diagnosticDataCollectionEnabled=false"]
        if not kind["standalone"]:
            command += ["--replSet", "rs0", "--oplogSize", "512"]
        if kind["test_commands"]:
            command += ["--setParameter", "enableTestCommands=1", *FEW_OPEN_FILES]
        with open(self.log, "w") as log:
            # In its own session, the database does not receive Ctrl-C from the caller's terminal.
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                    stderr=subprocess.STDOUT, start_new_session=True)

    def admin(self, command, value=1, **arguments):
        from pymongo import MongoClient
        with MongoClient(f"mongodb://{self.host}/?directConnection=true", serverSelectionTimeoutMS=1000,
                         connectTimeoutMS=1000, socketTimeoutMS=5000) as client:
            return client.admin.command(command, value, **arguments)

    def state(self):
        from pymongo.errors import PyMongoError
        try:
            hello = self.admin("hello")
        except PyMongoError:
            return "NO ANSWER"
        if hello.get("isWritablePrimary"):
            return "PRIMARY" if "setName" in hello else "STANDALONE"
        return "SECONDARY" if hello.get("secondary") else "STARTING"


def processes():
    """Yields (pid, command line) of every process. Only Linux has /proc, and some Linux systems have no ps."""
    if Path("/proc/self/cmdline").exists():
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                yield int(entry.name), os.fsdecode((entry / "cmdline").read_bytes()).replace("\0", " ")
    else:
        listing = subprocess.run(["ps", "-axww", "-o", "pid=,command="], stdout=subprocess.PIPE,
                                 universal_newlines=True)
        for line in listing.stdout.splitlines():
            pid, _, command = line.strip().partition(" ")
            yield int(pid), command.strip() + " "


def form_set(nodes):
    """Joins the nodes into one replica set, even if their data was moved or their ports changed."""
    from pymongo.errors import OperationFailure
    members = [{"_id": number, "host": node.host} for number, node in enumerate(nodes)]
    try:
        config = nodes[0].admin("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code != 94:  # NotYetInitialized
            raise
        settings = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500}
        nodes[0].admin("replSetInitiate", {"_id": "rs0", "members": members, "settings": settings})
        return
    if [member["host"] for member in config["members"]] != [node.host for node in nodes]:
        config.update(members=members, version=config["version"] + 1)
        nodes[0].admin("replSetReconfig", config, force=True)


def wait_until_ready(nodes, launched, standalone):
    from pymongo.errors import PyMongoError
    ready = ["STANDALONE"] if standalone else ["PRIMARY"] + ["SECONDARY"] * (len(nodes) - 1)
    deadline = time.monotonic() + START_SECONDS
    formed = standalone
    while time.monotonic() < deadline:
        for node, process in launched:
            if process.poll() is not None:
                fail(f"mongod on port {node.port} ended at once{log_tail(node)}")
        with contextlib.suppress(PyMongoError):
            if not formed:
                form_set(nodes)
                formed = True
        states = [node.state() for node in nodes]
        if sorted(states) == ready:
            return
        time.sleep(0.1)
    late = next(node for node, state in zip(nodes, states) if state not in ready or states.count("PRIMARY") != 1)
    fail(f"not ready after {START_SECONDS} s (states: {', '.join(states)}){log_tail(late)}")


def log_tail(node):
    lines = node.log.read_text(errors="replace").splitlines()[-12:]
    return f"; the end of {node.log}:\n" + "\n".join(line[:400] for line in lines)


def signal_all(nodes, *signals):
    for pid in filter(None, [node.pid() for node in nodes]):
        for number in signals:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def stop(nodes):
    # A frozen process handles SIGTERM only after SIGCONT.
    signal_all(nodes, signal.SIGCONT, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while any(node.pid() for node in nodes):
        if time.monotonic() > deadline:
            signal_all(nodes, signal.SIGKILL)
        time.sleep(0.05)
