"""Times Denpa alone: see README.md.

usage: bench.py [--blocks N] [--seconds S] [NAME ...]

Prints a line on the machine, then for each figure: WORKLOAD THREADS microseconds (median of 7 blocks, best). Lines that begin
with # are remarks.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys

from harness import (BLOCKS, BUILD, LIBRARY, PEERS, SECONDS, Program, chosen, denpa, environment, figure, machine, measure,
                     thread_counts)
from workloads import PREDICTIONS, WORKLOADS

LOADS = 15  # fresh processes
IMPORT = "import time, numpy; start = time.perf_counter(); import denpa; print((time.perf_counter() - start) * 1e6)"


def line(name: str, threads: int, times: list[float]) -> None:
    print(f"{name:28s} {threads} {figure(statistics.median(times)):>12s}  ({figure(min(times))})", flush=True)


def training(name: str, blocks: int, seconds: float) -> bool:
    """Batches: denpa_train_batch. One sample at a time: also the engine's own loop, and once the call from Python."""
    work = WORKLOADS[name]
    programs = {}
    for threads in thread_counts(work.batch):
        programs[name, threads] = denpa("train_batch", threads, work.arguments)
    if work.batch == 1:
        programs = {(f"{name}/train_batch", 1): programs[name, 1], (f"{name}/fit", 1): denpa("fit", 1, work.arguments)}
    if name == "tiny-online":
        command = [sys.executable, PEERS / "denpa_peer.py", 1, *work.arguments]
        programs[f"{name}/python", 1] = Program("denpa from Python", 1, command)
    complete = measure(list(programs.values()), blocks, seconds)
    for (row, threads), program in programs.items():
        if program.works:
            line(row, threads, program.times)
    if work.batch == 1 and complete:
        call, loop = programs[f"{name}/train_batch", 1].median, programs[f"{name}/fit", 1].median
        print(f"# {name}: a call of denpa_train_batch takes {call - loop:.3f} microseconds more than a step of denpa_fit")
    return complete


def prediction(name: str, blocks: int, seconds: float) -> bool:
    program = denpa("predict", 1, PREDICTIONS[name].arguments)
    complete = measure([program], blocks, seconds)
    if complete:
        line(name, 1, program.times)
    return complete


def loading() -> bool:
    """dlopen, and what `import denpa` takes when NumPy is there: each in processes of their own, taken in turns."""
    commands = {"dlopen": [str(BUILD / "load_time"), str(LIBRARY)], "import-denpa": [sys.executable, "-c", IMPORT]}
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(LOADS + 1):
        for name, command in commands.items():
            done = subprocess.run(command, capture_output=True, text=True, env=environment(1))
            if done.returncode != 0:
                print(f"# {name} failed: {done.stderr.strip()}", file=sys.stderr)
                return False
            times[name].append(float(done.stdout))
    for name in commands:
        line(name, 1, times[name][1:])  # the first run may read files, and compile Python's
    print(f"# the library has {LIBRARY.stat().st_size:,} bytes, stripped")
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description="Times Denpa alone.")
    parser.add_argument("--blocks", type=int, default=BLOCKS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of a block")
    parser.add_argument("names", nargs="*")
    wanted = parser.parse_args()
    print(f"# {machine()}; microseconds (median of {wanted.blocks} blocks, best)", flush=True)
    complete = True
    for name in chosen(wanted.names, [*WORKLOADS, *PREDICTIONS, "loading"]):
        if name in WORKLOADS:
            complete = training(name, wanted.blocks, wanted.seconds) and complete
        elif name in PREDICTIONS:
            complete = prediction(name, wanted.blocks, wanted.seconds) and complete
        else:
            complete = loading() and complete
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
