"""CPU time and memory of processes, read from /proc."""
import contextlib
import os
import resource
import time

TICKS = os.sysconf("SC_CLK_TCK")


def stat(pid):
    """The parent, and the CPU seconds of the process and of the children that it has reaped."""
    with open(f"/proc/{pid}/stat") as file:
        text = file.read()
    fields = text[text.rindex(")") + 2:].split()
    return int(fields[1]), sum(map(int, fields[11:15])) / TICKS


def tree(root):
    """The process and all its descendants."""
    children = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            children.setdefault(stat(name)[0], []).append(int(name))
    found = [root]
    for pid in found:  # The loop appends to the list.
        found += children.get(pid, [])
    return found


def cpu_seconds(root):
    total = 0.0
    for pid in tree(root):
        with contextlib.suppress(OSError):
            total += stat(pid)[1]
    return total


def memory(root):
    """The PSS of the process tree in MiB, which counts shared pages once."""
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
    """Waits at most 10 s until a process is idle, because leftover work would slow down the next slice."""
    for _ in range(50):
        before = cpu_seconds(root)
        time.sleep(0.2)
        if cpu_seconds(root) - before < 0.05:
            return


class Meter:
    """Since its creation: the CPU seconds of a service, of mongod, of this program with its finished load generators and of
    the whole machine, and the elapsed seconds."""

    def __init__(self, service, mongod):
        self.roots = service, mongod
        self.first = self.read()

    def read(self):
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        load = sum(one.ru_utime + one.ru_stime for one in used)
        return [*map(cpu_seconds, self.roots), load, machine_seconds(), time.perf_counter()]

    def passed(self):
        return [now - then for now, then in zip(self.read(), self.first)]
