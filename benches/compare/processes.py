"""CPU and memory of processes, out of /proc. Must not start or end any."""
import contextlib
import os
import resource
import time

TICKS = os.sysconf("SC_CLK_TCK")


def stat(pid):
    """The parent, and the CPU seconds of the process and of the children it has reaped."""
    with open(f"/proc/{pid}/stat") as file:
        text = file.read()
    fields = text[text.rindex(")") + 2:].split()
    return int(fields[1]), sum(map(int, fields[11:15])) / TICKS


def tree(root):
    """The process and all below it."""
    children = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            children.setdefault(stat(name)[0], []).append(int(name))
    found = [root]
    for pid in found:  # Grows while it is walked.
        found += children.get(pid, [])
    return found


def cpu_seconds(root):
    total = 0.0
    for pid in tree(root):
        with contextlib.suppress(OSError):
            total += stat(pid)[1]
    return total


def memory(root):
    """The PSS of the tree in MiB: pages that processes share count once."""
    total = 0
    for pid in tree(root):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup") as file:
            total += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    return round(total / 1024, 1)


def machine_seconds():
    """Busy CPU seconds of the whole machine."""
    with open("/proc/stat") as file:
        fields = list(map(int, file.readline().split()[1:9]))
    return (sum(fields) - fields[3] - fields[4]) / TICKS


def settle(root):
    """Waits, 10 s at most, until a process has done what nobody waits for any more: it would burden the next slice."""
    for _ in range(50):
        before = cpu_seconds(root)
        time.sleep(0.2)
        if cpu_seconds(root) - before < 0.05:
            return


class Meter:
    """CPU seconds of a service, of mongod, of this program with the load generators that have ended, and of the whole
    machine, and seconds of time, since it was made."""

    def __init__(self, service, mongod):
        self.roots = service, mongod
        self.first = self.read()

    def read(self):
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        load = sum(one.ru_utime + one.ru_stime for one in used)
        return [*map(cpu_seconds, self.roots), load, machine_seconds(), time.perf_counter()]

    def passed(self):
        return [now - then for now, then in zip(self.read(), self.first)]
