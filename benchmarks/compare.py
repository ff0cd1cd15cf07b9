"""Times Denpa beside a former version of its library in one run: that nothing became slower.

usage: compare.py FORMER_LIBRARY [NAME ...]

FORMER_LIBRARY is the libdenpa.so.0 of another commit. Blocks alternate. Prints a line for each workload, kind of work and
number of threads: microseconds now, then, and their ratio (medians); the last line is the largest ratio.
"""

from __future__ import annotations

import os
import pathlib
import sys

from harness import chosen, denpa, figure, measure, thread_counts
from workloads import PREDICTIONS, WORKLOADS

BLOCKS = 11


def beside(former: str, work: str, threads: int, arguments: list[str]) -> float | None:
    """The ratio of one figure now to then; None if the former library does not have what the workload needs."""
    now = denpa(work, threads, arguments)
    os.environ["LD_PRELOAD"] = former
    try:
        then = denpa(work, threads, arguments)
    finally:
        del os.environ["LD_PRELOAD"]
    if not measure([now, then], BLOCKS):
        if not measure([denpa(work, threads, arguments)], 1):
            raise SystemExit(1)
        print("    not in the former library", flush=True)
        return None
    print(f"{figure(now.median):>12s} {figure(then.median):>12s} {now.median / then.median:7.3f}", flush=True)
    return now.median / then.median


def main() -> int:
    former = str(pathlib.Path(sys.argv[1]).resolve())
    names = chosen(sys.argv[2:], [*WORKLOADS, *PREDICTIONS])
    print(f"{'':28s} T {'now':>12s} {'then':>12s}   ratio (us)")
    ratios = []
    for name in names:
        workload = WORKLOADS.get(name) or PREDICTIONS[name]
        kinds = ["predict"] if name in PREDICTIONS else ["train_batch", "fit"] if workload.batch == 1 else ["train_batch"]
        for kind in kinds:
            for threads in thread_counts(workload.batch):
                print(f"{name + '/' + kind:28s} {threads}", end=" ", flush=True)
                ratio = beside(former, kind, threads, workload.arguments)
                ratios += [ratio] if ratio is not None else []
    print(f"largest ratio {max(ratios):.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
