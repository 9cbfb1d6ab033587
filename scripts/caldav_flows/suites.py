"""Runs test suites of CalDAV against the service and against Radicale, and prints one table.

A module for scripts/caldav, not a command.
"""
import os
import re
import secrets
import socket
import subprocess
import sys
import tarfile
import time
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from provision import fail, node_modules_with, python_with  # noqa: E402

FLOWS = Path(__file__).resolve().parent
TSDAV = "tsdav@2.3.4"
CALDAV = "caldav==3.6.0"
RADICALE = "Radicale==3.9.0"
# The suites and Radicale, then their dependencies, each pinned to the version that was tested.
PACKAGES = f"""
    {CALDAV} caldav-server-tester==1.7.0 {RADICALE} pytest==9.2.0 pytest-asyncio==1.5.0 manuel==1.13.0 proxy.py==2.4.10
    aiohttp==3.14.5 vobject==0.9.9 lxml==6.1.3 tzlocal==5.4.5
    aiohappyeyeballs==2.7.1 aiosignal==1.4.0 attrs==26.1.0 calendaring-config==0.5.0 certifi==2026.10.19.post1
    charset-normalizer==3.5.3 click==8.5.1 defusedxml==0.7.1 dnspython==2.9.2 frozenlist==1.8.0 h11==0.16.0 icalendar==7.3.2
    icalendar-searcher==1.3.0 idna==3.20 iniconfig==2.3.1 jh2==5.0.15 libpass==1.9.4 multidict==7.2.1 niquests==3.21.2
    packaging==26.4 pika==1.4.4 pluggy==1.7.0 propcache==0.5.4 Pygments==2.21.0 python-dateutil==2.9.0.post0 pytz==2026.6
    PyYAML==6.0.4 qh3==2.1.0 recurring-ical-events==3.8.2 requests==2.34.2 six==1.17.0 typing_extensions==4.16.0
    tzdata==2026.6 urllib3==2.8.0 urllib3-future==2.25.904 wassima==2.1.5 x-wr-timezone==2.0.1 yarl==1.25.1
""".split()

# What the service does not do on purpose, in the words of the suite: a UID is in one list of a user, so that the same UID in
# another list moves the todo.
DECLARED = ["save.duplicate-uid.cross-calendar"]
# For a server that has neither events nor journals.
TODOS_ONLY = ["save-load.event", "save-load.journal", "save-load.todo.mixed-calendar", "scheduling", "principal-search",
              "freebusy-query"]
# Tests of the suite for todos that send or expect an event all the same.
NEED_EVENTS = ["testCheckCompatibility", "testSearchShouldYieldData", "testCreateEventFromiCal", "testAlarm",
               "testObjectBySyncTokenNeverIssued", "testGetSupportedComponents", "testSearchWithoutCompTypeWithDateRange",
               "testSearchWithoutCompTypeWithCategory", "testRecurringDateWithExceptionSearch", "testCancelSingleRecurrence",
               "testEditSingleRecurrence"]
# Failures that are intended, and why.
INTENDED = {
    "testSearchTodos": "it completes a series for good by completing it once, without removing its rule. The service takes "
                       "this for a completion of one occurrence, as Nextcloud Tasks means it",
    "testTodoRecurringCompleteThisandfuture": "a completed occurrence becomes a todo of its own",
}
IN_DISGUISE = {
    **INTENDED,
    "testCheckCompatibility": "it compares the declared features with those that it finds, and expects all",
    "testSupport": "there is no scheduling",
    "testSchedulingMailboxes": "there is no scheduling",
}
FULL_MIN, PASSED_MIN = 93, 61


def run(*command, folder=None, env=None, check=True, text=None):
    ran = subprocess.run([str(part) for part in command], cwd=folder, env={**os.environ, **(env or {})}, input=text,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, timeout=600)
    if check and ran.returncode:
        fail(f"{' '.join(map(str, command))}\n{ran.stdout[-4000:]}")
    return ran.stdout


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def process(port, *command):
    """A server that listens at the port as long as the context lasts."""
    started = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        else:
            fail(f"{command[-1]} does not listen at {port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        started.terminate()
        started.wait()


def disguise(python, url):
    port = free_port()
    return process(port, python, FLOWS / "disguise.py", port, url)


@contextmanager
def radicale(python, scratch):
    """Radicale with one new user: its URL, and what creates accounts."""
    port, users = free_port(), scratch / "users"
    users.touch()

    def account():
        name, password = f"user-{secrets.token_hex(4)}@example.org", secrets.token_hex(8)
        with open(users, "a", encoding="utf-8") as file:
            file.write(f"{name}:{password}\n")
        return name, password

    command = [python, "-m", "radicale", "--config", "", "--server-hosts", f"127.0.0.1:{port}", "--auth-type", "htpasswd",
               "--auth-htpasswd-filename", users, "--auth-htpasswd-encryption", "plain", "--storage-filesystem-folder",
               scratch / "collections", "--logging-level", "critical"]
    with process(port, *command) as url:
        yield url, account


def tsdav(url, account, scratch):
    """Returns the number of checks that passed, and of those that failed."""
    modules, folder = node_modules_with(TSDAV), scratch / ("tsdav-" + secrets.token_hex(4))
    folder.mkdir()
    (folder / "tsdav.mjs").write_text((FLOWS / "tsdav.mjs").read_text())
    (folder / "node_modules").symlink_to(modules)
    found = run("node", "tsdav.mjs", url + "/", *account, folder=folder, check=False)
    counts = re.search(r"(\d+) passed, (\d+) failed", found)
    if not counts:
        fail(f"tsdav\n{found[-4000:]}")
    return int(counts[1]), int(counts[2]), found


def server_tester(python, url, account):
    """Returns how many features have each level of support, and the lines of those that are not fully supported."""
    found = run(python.parent / "caldav-server-tester", "--caldav-url", url + "/", "--caldav-username", account[0],
                "--caldav-password", account[1], "--format", "text", "--verbose", check=False)
    levels = dict(re.findall(r"^## (\S+)\nFeature support level found: (\w+)", found, re.M))
    if not levels:
        fail(f"caldav-server-tester\n{found[-4000:]}")
    all_levels = list(levels.values())
    count = {level: all_levels.count(level) for level in sorted(set(all_levels))}
    return count, [f"{feature}: {level}" for feature, level in levels.items() if level != "full"]


class Functional:
    """The functional tests of the caldav library, unpacked from its source package."""

    def __init__(self, python, scratch):
        self.python = python
        run(python, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", CALDAV, folder=scratch)
        with tarfile.open(next(scratch.glob("caldav-*.tar.gz"))) as source:
            source.extractall(scratch, filter="data")
        self.folder = next(path for path in scratch.glob("caldav-*") if path.is_dir())

    def run(self, url, account, unsupported=(), without=()):
        """Returns the number of passed and skipped tests, and the names of failed ones."""
        features = "".join(f"      {feature}: {{support: unsupported}}\n" for feature in unsupported)
        (self.folder / "tests/caldav_test_servers.yaml").write_text(
            "test-servers:\n  radicale: {enabled: false}\n  xandikos: {enabled: false}\n  tested:\n    type: external\n"
            f"    enabled: true\n    url: {url}/\n    username: {account[0]}\n    password: {account[1]}\n"
            + (f"    features:\n{features}" if features else ""))
        chosen = "TestForServer" + "".join(f" and not {test}" for test in without)
        # The suite turns warnings into errors. One of its own tests calls a function that it has deprecated.
        warnings = ["pytest.PytestDeprecationWarning", "pytest.PytestUnraisableExceptionWarning"]
        ignored = [part for warning in warnings for part in ("-W", f"ignore::{warning}")]
        ignored += ["-W", "ignore:principals:DeprecationWarning"]
        found = run(self.python, "-m", "pytest", "-q", "tests/test_caldav.py", "-k", chosen, "-p", "no:cacheprovider", "-o",
                    "asyncio_default_fixture_loop_scope=function", *ignored, "--tb=no", folder=self.folder, check=False,
                    env={"PYTHON_CALDAV_TEST_EMBEDDED": "0", "PYTHON_CALDAV_TEST_DOCKER": "0"})
        summary = found.strip().splitlines()[-1]
        if "passed" not in summary:
            fail(f"the tests of caldav\n{found[-4000:]}")
        number = {word: int(count) for count, word in re.findall(r"(\d+) (passed|failed|skipped|errors?)", summary)}
        failed = sorted(set(re.findall(r"^(?:FAILED|ERROR) .*::(\w+)", found, re.M)))
        return number.get("passed", 0), number.get("skipped", 0), failed


def compare(service_url, service_account, scratch):
    """Runs everything against both servers. `service_account` creates a user and returns its name and token."""
    python = python_with("caldav-suites", *PACKAGES)
    functional = Functional(python, scratch)
    with radicale(python, scratch) as (radicale_url, radicale_account):
        servers = {"todo-api": (service_url, service_account), RADICALE.replace("==", " "): (radicale_url, radicale_account)}
        found = {name: measure(python, functional, url, account, scratch) for name, (url, account) in servers.items()}
    print_table(found)
    judge(found["todo-api"])


def measure(python, functional, url, account, scratch):
    passed, failed, _ = tsdav(url, account(), scratch)
    results = {"tsdav": (passed, 0, ["?"] * failed)}
    with disguise(python, url) as disguised:
        results["tester"] = server_tester(python, disguised, account())
        results["events"] = functional.run(disguised, account(), DECLARED)
    results["todos"] = functional.run(url, account(), TODOS_ONLY, NEED_EVENTS)
    return results


def print_table(found):
    def count(passed, skipped, failed):
        return f"{passed} passed, {len(failed)} failed, {skipped} skipped"

    rows = [("tsdav", "tsdav", count), ("caldav-server-tester, events as todos", "tester", lambda levels, _: levels_line(levels)),
            ("caldav, events as todos", "events", count),
            ("caldav, todos only", "todos", count)]
    print("\n| suite | " + " | ".join(found) + " |\n|---|" + "---|" * len(found))
    for title, key, line in rows:
        print(f"| {title} | " + " | ".join(line(*results[key]) for results in found.values()) + " |")
    print()
    for name, results in found.items():
        print(f"{name}: not full: {', '.join(results['tester'][1])}")
        for key in ("events", "todos"):
            print(f"{name}: caldav, {key}: failed: {', '.join(results[key][2]) or 'none'}")
    for test, reason in IN_DISGUISE.items():
        print(f"{test}: {reason}.")
    sys.stdout.flush()


def levels_line(levels):
    return f"{levels.get('full', 0)} of {sum(levels.values())} full, " + ", ".join(
        f"{levels.get(level, 0)} {level}" for level in ("broken", "ungraceful"))


def judge(results):
    levels, _ = results["tester"]
    problems = [f"caldav-server-tester: {level}" for level in ("broken", "ungraceful") if levels.get(level)]
    if levels.get("full", 0) < FULL_MIN:
        problems.append(f"caldav-server-tester: fewer than {FULL_MIN} features are full")
    if results["tsdav"][2]:
        problems.append("tsdav")
    if results["events"][0] < PASSED_MIN:
        problems.append(f"caldav: fewer than {PASSED_MIN} tests passed")
    for key, allowed in (("events", IN_DISGUISE), ("todos", INTENDED)):
        problems += [f"caldav, {key}: {test}" for test in results[key][2] if test not in allowed]
    if problems:
        fail("; ".join(problems))
