"""Test scores and times of whole scripts, beside scikit-learn's MLP and PyTorch: see README.md.

usage: scores.py [--splits N] [--runs N] [--epochs N] [--peers NAME ...] [--sets NAME ...]

Prints a row for each data set: the mean test score ± its standard error, over the splits, of Denpa and its
peers. All train the same network in the same way, each from its own initial weights. "below" means that
Denpa's mean is below the peer's by more than a standard error of the difference, which is taken split by
split. A second table has the seconds of whole scripts.
"""

from __future__ import annotations

import argparse
import importlib
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Callable

from harness import CPUS, DISTURBED, ROOT, TICK, busy_ticks, chosen, environment, figure

SCORING = ROOT / "benchmarks" / "scoring"
sys.path[:0] = [str(ROOT / "bindings" / "python"), str(SCORING)]

from data import LOADERS, shortened, task
from task import Task

SCRIPTS = {"Denpa": "denpa_script", "scikit-learn": "sklearn_script", "PyTorch": "pytorch_script"}
PEERS = [label for label in SCRIPTS if label != "Denpa"]
SPLITS = 10
RUNS = 7


def standard_error(numbers: list[float]) -> float:
    return statistics.stdev(numbers) / len(numbers) ** 0.5 if len(numbers) > 1 else 0.0


def verdict(ours: list[float], theirs: list[float]) -> str:
    """Returns whether the mean of ours is above that of theirs, or below by at most one standard error."""
    differences = [one - other for one, other in zip(ours, theirs)]
    mean, error = statistics.fmean(differences), standard_error(differences)
    is_below = mean < -error - 1e-12  # a single split that differs makes both equal
    return f"{'below' if is_below else 'not below'} ({mean:+.4f} ± {error:.4f})"


def print_scores(names: list[str], labels: list[str], splits: int, epochs: int | None) -> None:
    trains: dict[str, Callable[[Task], float]] = {
        label: importlib.import_module(SCRIPTS[label]).train for label in labels
    }
    head = ["test score", *labels, *(f"Denpa beside {label}" for label in labels[1:])]
    print(f"| {' | '.join(head)} |\n|---|{'---:|' * len(labels)}{'---|' * (len(labels) - 1)}", flush=True)
    for name in names:
        scores: dict[str, list[float]] = {label: [] for label in labels}
        for split in range(splits):
            work = task(name, split, shortened(name, epochs))
            for label in labels:
                scores[label].append(trains[label](work))
        cells = [
            f"{statistics.fmean(scores[label]):.4f} ± {standard_error(scores[label]):.4f}" for label in labels
        ]
        cells += [verdict(scores["Denpa"], scores[label]) for label in labels[1:]]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def seconds_of(label: str, name: str, path: pathlib.Path, epochs: int | None) -> float:
    """Returns how many seconds a script takes, from the start of its process to its end."""
    command = [
        sys.executable,
        str(SCORING / f"{SCRIPTS[label]}.py"),
        name,
        str(path),
        *([str(epochs)] if epochs else []),
    ]
    started = time.perf_counter()
    subprocess.run(command, check=True, env=environment(len(CPUS)), stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def print_times(names: list[str], labels: list[str], runs: int, epochs: int | None) -> None:
    """The scripts take turns, so that a slow moment of the machine affects all of them. The first turn, which
    reads the libraries from the disk, does not count.
    """
    head = ["seconds of a script", *labels, *(f"{label} / Denpa" for label in labels[1:])]
    print(f"| {' | '.join(head)} |\n|---|{'---:|' * (2 * len(labels) - 1)}", flush=True)
    began, busy, used = time.monotonic(), busy_ticks(), children_seconds()
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / f"{name}.npz"
            task(name, 0).write(path)
            turns = [
                {label: seconds_of(label, name, path, epochs) for label in labels} for _ in range(runs + 1)
            ]
        medians = {label: statistics.median(turn[label] for turn in turns[1:]) for label in labels}
        cells = [figure(medians[label]) for label in labels]
        cells += [f"{medians[label] / medians['Denpa']:.1f}" for label in labels[1:]]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    elapsed = (time.monotonic() - began) * len(CPUS)
    others = ((busy_ticks() - busy) / TICK - children_seconds() + used) / elapsed
    if others > DISTURBED:
        print(f"# other processes took {others:.0%} of the machine during these figures", file=sys.stderr)


def children_seconds() -> float:
    """Returns the CPU time of all scripts so far."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description="Test scores and times of whole scripts, beside the peers'.")
    parser.add_argument("--splits", type=int, default=SPLITS, help="0: no scores")
    parser.add_argument("--runs", type=int, default=RUNS, help="of each script; 0: no times")
    parser.add_argument("--epochs", type=int, help="instead of each data set's own")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=PEERS)
    parser.add_argument("--sets", nargs="*", default=[], help=f"of {' '.join(LOADERS)}")
    wanted = parser.parse_args()
    names, labels = chosen(wanted.sets, list(LOADERS)), ["Denpa", *wanted.peers]
    if wanted.splits:
        print_scores(names, labels, wanted.splits, wanted.epochs)
    if wanted.splits and wanted.runs:
        print()
    if wanted.runs:
        print_times(names, labels, wanted.runs, wanted.epochs)


if __name__ == "__main__":
    main()
