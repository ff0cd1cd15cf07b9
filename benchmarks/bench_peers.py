"""Denpa's training step beside its peers': see README.md.

usage: bench_peers.py [--blocks N] [--seconds S] [--threads N] [--unchecked] [WORKLOAD ... | LOOP ... | memory]

For each workload and each loop in Python: checks that all compute the same (check.py), then times Denpa, the peers and what the machine can do in turns,
and prints a row of the table.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from typing import Callable

from harness import (BLOCKS, BUILD, PEERS, ROOT, SECONDS, Program, chosen, denpa, environment, figure, machine, measure,
                     thread_counts)
from workloads import CE, LOOPS, WORKLOADS, Workload

COLUMNS = ["Denpa", "Denpa fit", "PyTorch", "compiled", "JAX", "NumPy", "scikit-learn", "FANN"]
OURS = COLUMNS[:2]
LOOP_COLUMNS = ["Denpa", "train_batch", "PyTorch", "JAX"]
MEMORY_WORKLOAD = "mlp-adam"
MEMORY_SECONDS = 1.0  # of training, beside the warming up

Row = Callable[[str, int, str, int, float], bool]  # name, threads, agreement, blocks, seconds


def python(label: str, script: str, threads: int, work: Workload) -> Program:
    return Program(label, threads, [sys.executable, PEERS / script, threads, *work.arguments])


def programs(work: Workload, threads: int) -> list[Program]:
    """All that can do this work, ready to be measured, in the table's order."""
    running = [denpa("train_batch", threads, work.arguments)]
    if work.batch == 1:
        running.append(denpa("fit", threads, work.arguments))
    running += [
        python("PyTorch", "pytorch_peer.py", threads, work),
        python("compiled", "pytorch_compiled_peer.py", threads, work),
        python("JAX", "jax_peer.py", threads, work),
        python("NumPy", "numpy_peer.py", threads, work),
    ]
    if work.plain and work.loss == CE:
        running.append(python("scikit-learn", "sklearn_peer.py", threads, work))
    if work.batch == 1 and work.between == "sigmoid" and (BUILD / "fann_peer").exists():
        running.append(Program("FANN", threads, [BUILD / "fann_peer", *work.sizes]))
    return running


def agrees(name: str) -> str:
    """The largest difference of a loss from PyTorch's (check.py), or DIFFERS."""
    command = [sys.executable, str(ROOT / "benchmarks" / "check.py"), name]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(2))
    for line in done.stdout.splitlines():
        if done.returncode == 0 and line.split()[1] == "pytorch":
            return line.split()[2]
    print(done.stdout + done.stderr, file=sys.stderr)
    return "DIFFERS"


def row(name: str, threads: int, agreement: str, blocks: int, seconds: float) -> bool:
    """Measures and prints one row; answers whether every program worked."""
    work = WORKLOADS[name]
    timed = programs(work, threads)
    peak = [Program(what, threads, [BUILD / "machine_peak", what, threads]) for what in ("multiply-add", "memory")]
    complete = measure(timed + peak, blocks, seconds)
    times = {program.label: program.median for program in timed if program.works}
    cells = [figure(times[label]) if label in times else "" for label in COLUMNS]
    ours = [times[label] for label in OURS if label in times]
    theirs = [times[label] for label in times if label not in OURS]
    ratio = floor = share = ""
    if ours and theirs:
        ratio = f"{min(theirs) / min(ours):.2f}"
    if ours and all(program.works for program in peak):
        operations, bytes_ = (1e6 / (program.median * 1e-6) for program in peak)
        least = work.floor(operations, bytes_)
        floor, share = figure(least), f"{least / min(ours):.1%}"
        print(f"# {name}, {threads} threads: {operations / 1e9:.0f} GFLOP/s, {bytes_ / 1e9:.1f} GB/s", file=sys.stderr)
    print(f"| {name} | {threads} | {' | '.join(cells)} | {ratio} | {floor} | {share} | {agreement} |", flush=True)
    return complete


def loop_row(name: str, threads: int, agreement: str, blocks: int, seconds: float) -> bool:
    """Measures and prints one row of loops in Python; answers whether every program worked."""
    work, stem = LOOPS[name], name.replace("-", "_")  # of the programs' names
    timed = [
        python("Denpa", f"denpa_{stem}.py", threads, work),
        python("train_batch", "denpa_peer.py", threads, work),
        python("PyTorch", f"pytorch_{stem}.py", threads, work),
        python("JAX", f"jax_{stem}.py", threads, work),
    ]
    complete = measure(timed, blocks, seconds)
    times = {program.label: program.median for program in timed if program.works}
    cells = [figure(times[label]) if label in times else "" for label in LOOP_COLUMNS]
    theirs = [times[label] for label in LOOP_COLUMNS[2:] if label in times]
    ahead = f"{min(theirs) / times['Denpa']:.2f}" if theirs and "Denpa" in times else ""
    print(f"| {name} | {threads} | {' | '.join(cells)} | {ahead} | {agreement} |", flush=True)
    return complete


def memory() -> bool:
    """Prints the peak of resident memory of the whole process that trains, interpreter included."""
    work = WORKLOADS[MEMORY_WORKLOAD]
    threads = thread_counts(work.batch)[-1]
    timed = [denpa("train_batch", threads, work.arguments), python("Denpa from Python", "denpa_peer.py", threads, work)]
    timed += [program for program in programs(work, threads) if program.label not in OURS]
    print(f"| peak resident memory, {MEMORY_WORKLOAD}, {threads} threads | MB | of PyTorch's |\n|---|---:|---:|")
    peaks = {}
    for program in timed:
        program.block(MEMORY_SECONDS)
        if program.works:
            peaks[program.label] = program.peak_bytes() / 1e6
        program.close()
    for label, peak in peaks.items():
        share = f"{peak / peaks['PyTorch']:.0%}" if "PyTorch" in peaks else ""
        print(f"| {label} | {peak:.0f} | {share} |")
    return all(program.works for program in timed)


def main() -> int:
    parser = argparse.ArgumentParser(description="Times Denpa beside its peers.")
    parser.add_argument("--blocks", type=int, default=BLOCKS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of a block")
    parser.add_argument("--threads", type=int, help="these rows alone")
    parser.add_argument("--unchecked", action="store_true", help="check.py was run before")
    parser.add_argument("names", nargs="*")
    wanted = parser.parse_args()
    names = chosen(wanted.names, [*WORKLOADS, *LOOPS, "memory"])
    print(f"{machine()}; microseconds a training step, median of {wanted.blocks} blocks\n", flush=True)
    complete = True

    def table(head: list[str], known: dict[str, Workload], print_row: Row) -> None:
        """The rows of one table that were asked for."""
        nonlocal complete
        rows = [name for name in names if name in known]
        if rows:
            print(f"| {' | '.join(head)} |\n|---|{'---:|' * (len(head) - 1)}", flush=True)
        for name in rows:
            agreement = "unchecked" if wanted.unchecked else agrees(name)
            complete = complete and agreement != "DIFFERS"
            for threads in thread_counts(known[name].batch):
                if wanted.threads in (None, threads):
                    complete = print_row(name, threads, agreement, wanted.blocks, wanted.seconds) and complete
        if rows:
            print(flush=True)

    table(["workload", "threads", *COLUMNS, "ahead", "floor", "reached", "loss"], WORKLOADS, row)
    table(["from Python", "threads", *LOOP_COLUMNS, "ahead", "loss"], LOOPS, loop_row)
    if "memory" in names:
        complete = memory() and complete
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
