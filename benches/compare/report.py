"""Markdown tables of slices: medians, and ratios between slices of the same turn."""
import statistics

from .load import DISTURBED

MEDIANS = [("p50", 2), ("p99", 2), ("service_us", 0), ("mongod_us", 0), ("bytes", 0)]
HEAD = ["rate/s (min-max)", "p50 ms", "p99 ms", "service CPU us", "mongod CPU us", "bytes", "errors", "slices"]


def markdown(head, rows):
    """A table. Cells that are None stay empty."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join("" if cell is None else str(cell) for cell in line) + " |\n" for line in lines)


def calm(slices):
    """The undisturbed slices, or all slices if every one was disturbed."""
    return [one for one in slices if one["other"] < DISTURBED] or slices


def figure(values, digits):
    return f"{statistics.median(values):.{digits}f}"


def told(slice_):
    """A slice as one line of progress."""
    names = [("rate", "/s"), ("p50", "ms p50"), ("p99", "ms p99"), ("service_us", "us service"), ("mongod_us", "us mongod"),
             ("event_us", "us an event"), ("missing", "missing"), ("errors", "errors"), ("other", "cores by others")]
    return ", ".join(f"{round(slice_[key], 2):g} {text}" for key, text in names if key in slice_)


def counted(slices):
    """The number of slices that calm() returns, and whether all slices were disturbed."""
    return f"{len(slices)}{' disturbed' if slices[0]['other'] >= DISTURBED else ''}"


def ratio(slices, base, key):
    """The median of the ratios within each turn; None if there are none."""
    reference = {one["turn"]: one[key] for one in base}
    pairs = [one[key] / reference[one["turn"]] for one in slices if reference.get(one["turn"])]
    return figure(pairs, 2) if pairs else None


def table(first, slices, base, peers=()):
    """One row per label, with ratios to the label `base` and, for rates, to the better of `peers`."""
    labels = list(dict.fromkeys(one["label"] for one in slices))
    used = {label: calm([one for one in slices if one["label"] == label]) for label in labels}
    peers = [label for label in peers if label in used]
    head = [first, *HEAD]
    if base in used:
        head += [f"{what} / {base}" for what in ("rate", "service CPU", "mongod CPU")]
    if peers:
        best = max(peers, key=lambda label: statistics.median(one["rate"] for one in used[label]))
        head += [f"rate / {best}"]
    rows = []
    for label, mine in used.items():
        rates, errors = [one["rate"] for one in mine], sum(one["errors"] for one in slices if one["label"] == label)
        digits = 1 if statistics.median(rates) < 100 else 0
        row = [label, f"{figure(rates, digits)} ({min(rates):.{digits}f}-{max(rates):.{digits}f})",
               *(figure([one[key] for one in mine], places) for key, places in MEDIANS), errors, counted(mine)]
        if base in used:
            row += [ratio(mine, used[base], key) for key in ("rate", "service_us", "mongod_us")]
        if peers:
            row += [ratio(mine, used[best], "rate")]
        rows.append(row)
    return markdown(head, rows)
