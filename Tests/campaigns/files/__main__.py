"""usage: python -m files [--count N] [--seed S] [--jobs N] [--only INDEX [--write FILE]]

make campaign-files N=... SEED=... does the same.

Mutates model files, checkpoints, trainers' bytes and plain files of weights, three quarters of them with the
checksum put right, and loads them (CONTRIBUTING.md). A mutant follows from the seed and its index alone. Mutants run in blocks, each in a
separate process; a crash or a hang is reported with the index of the mutant. The last line is "N passed, N
failed", counted in blocks.
"""

from __future__ import annotations

import argparse
import collections
import mmap
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

BLOCK = 5000
KINDS = {"model": 5, "trainer": 2, "checkpoint": 2, "weights": 1}  # of files, with their shares
DISK = 8  # one model in so many is read from a file
MOST = 10  # findings of a block that are printed
SECONDS_A_MUTANT, SECONDS_TO_START = 0.2, 120


def arguments():
    parser = argparse.ArgumentParser(prog="python -m files", description="Mutated files.")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="blocks at once")
    parser.add_argument("--only", type=int, help="the index of one mutant, which runs here")
    parser.add_argument("--write", help="a file for the mutant that --only names")
    parser.add_argument("--block", nargs=3, help=argparse.SUPPRESS)
    return parser.parse_args()


class Mutants:
    """The mutants of a seed."""

    def __init__(self, seed):
        from networks import engine

        from . import originals
        from .checking import Checker

        registry = engine.start()
        self.seed, self.checker = seed, Checker()
        self.vocabulary = originals.vocabulary(registry)
        self.models = originals.model_files(registry, seed)
        self.trainers = originals.trainers(registry, seed)

    def run(self, index, write=None):
        """Makes and checks a mutant; returns its kind and the name of the status."""
        from denpa import _abi as abi
        from denpa._call import contents, library, status_name

        from .mutations import Mutator

        draw, checker = random.Random(f"{self.seed}/{index}"), self.checker
        kind, trainer = draw.choices(list(KINDS), KINDS.values())[0], draw.choice(self.trainers)
        if kind == "model":
            original = draw.choice(self.models)
        elif kind == "trainer":
            original = contents(library.denpa_trainer_save_bytes, trainer.pointer)
        elif kind == "checkpoint":
            original = checker.saved(library.denpa_trainer_save, trainer.pointer)
        else:
            original = checker.saved(library.denpa_model_save_tensors, trainer.model.pointer, None, 0)
        data, right = Mutator(draw, self.vocabulary).mutate(original)
        if write:
            pathlib.Path(write).write_bytes(data)
        if kind == "model":
            status = checker.model(data, original, right, index % DISK == 0)
        else:
            status = getattr(checker, kind)(trainer, data, original, right)
        unchanged = " (unchanged)" if data == original and status == abi.OK else ""
        return f"{kind}: {status_name(status)}{unchanged}"


def run_block(seed, first, count, record):
    """Runs a block in the child. The index of each mutant is written to `record` before it is loaded."""
    from denpa._call import library

    from .checking import Finding

    mutants, results, findings = Mutants(seed), collections.Counter(), 0
    with open(record, "r+b") as file, mmap.mmap(file.fileno(), 8) as place:
        handles, started = library.denpa_test_handles(), time.monotonic()
        for index in range(first, first + count):
            place[:] = index.to_bytes(8, "little")
            try:
                results[mutants.run(index)] += 1
            except Finding as finding:
                findings += 1
                if findings <= MOST:
                    print(f"FAIL {index}: {finding}")
    if library.denpa_test_handles() != handles:
        findings += 1
        print(f"FAIL {library.denpa_test_handles() - handles} handles are left over")
    said = ", ".join(f"{number} {name}" for name, number in results.most_common())
    print(f"{said}; {findings} findings; {time.monotonic() - started:.0f} s")
    return 1 if findings else 0


class Child:
    """A process that runs one block."""

    def __init__(self, given, first, folder):
        self.first, self.count = first, min(BLOCK, given.count - first)
        self.record, self.log = folder / f"{first}.index", folder / f"{first}.log"
        self.record.write_bytes(bytes(8))
        command = ["-m", "files", "--seed", given.seed, "--block", first, self.count, self.record]
        self.process = subprocess.Popen(
            [sys.executable, *map(str, command)],
            stdout=self.log.open("w"),
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONFAULTHANDLER": "1"},
            start_new_session=True,
        )
        self.ends = time.monotonic() + SECONDS_A_MUTANT * self.count + SECONDS_TO_START

    def is_over(self):
        if time.monotonic() > self.ends:
            self.end()
        return self.process.poll() is not None

    def end(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def report(self):
        """Prints the result; returns whether the block passed."""
        code, text = self.process.returncode, self.log.read_text(errors="replace").strip()
        print(f"{self.first}…: {text}", flush=True)
        if code < 0:
            index = int.from_bytes(self.record.read_bytes(), "little")
            print(f"FAIL {index}: ended by {signal.Signals(-code).name}", flush=True)
        return code == 0


def run_all(given):
    """Returns the numbers of blocks that passed and that failed."""
    waiting, running, passed, failed = list(range(0, given.count, BLOCK)), [], 0, 0
    with tempfile.TemporaryDirectory() as folder:
        try:
            while waiting or running:
                while waiting and len(running) < given.jobs:
                    running.append(Child(given, waiting.pop(0), pathlib.Path(folder)))
                time.sleep(0.05)
                for child in [child for child in running if child.is_over()]:
                    running.remove(child)
                    good = child.report()
                    passed, failed = passed + good, failed + (not good)
        finally:
            for child in running:
                child.end()
    if failed:
        print(f"repeat a mutant with: python -m files --seed {given.seed} --only INDEX --write FILE")
    return passed, failed


def main():
    given = arguments()
    if given.block:
        first, count, record = given.block
        return run_block(given.seed, int(first), int(count), record)
    if given.only is not None:
        print(Mutants(given.seed).run(given.only, given.write))
        return 0
    passed, failed = run_all(given)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
