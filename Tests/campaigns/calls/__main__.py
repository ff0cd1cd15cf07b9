"""usage: python -m calls [--count N] [--seed S] [--machine NAME ...] [--jobs N] [--quick]

make campaign-calls N=... SEED=... does the same.

Makes calls in random orders and compares them with a model of the expected behaviour (CONTRIBUTING.md).
Programs run in blocks, each in a separate process. A failure is shrunk and printed as a list of calls; after
a crash or a hang the last program is printed unchanged. The last line is "N passed, N failed", counted in
blocks.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import traceback

from .known import WITHOUT

HERE = pathlib.Path(__file__).resolve().parent
# Module, class, programs in a block, share of the programs.
MACHINES = {
    "c": ("c_remembering", "RememberingMachine", 100, 5),
    "threads": ("c_threads", "ThreadMachine", 50, 1),
    "python": ("python_derivatives", "DerivativesMachine", 100, 4),
    "python-threads": ("python_threads", "PythonThreadMachine", 50, 1),
}
STEPS = 40
GUARDED = 4  # one block of a machine in this many runs with the engine's memory guarded
SECONDS_A_PROGRAM, SECONDS_TO_SHRINK = 3, 600  # time limits, beyond which a block counts as a hang


def arguments():
    parser = argparse.ArgumentParser(prog="python -m calls", description="Random orders of calls.")
    parser.add_argument("--count", type=int, default=1000, help="programs, divided among the machines")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--machine", nargs="*", choices=list(MACHINES), default=list(MACHINES))
    parser.add_argument("--jobs", type=int, default=2, help="blocks at once")
    parser.add_argument("--quick", action="store_true", help="failures are not shrunk")
    parser.add_argument(
        "--block", help="run one block here, and write each call to this file before it is made"
    )
    return parser.parse_args()


# -- one block ---------------------------------------------------------------------------------------------


def run_block(given):
    """Runs one machine's programs, in the child."""
    import numpy as np
    from hypothesis import HealthCheck, Phase, seed, settings
    from hypothesis.stateful import run_state_machine_as_test

    from . import c_api
    from .recorder import Recorder

    np.seterr(all="ignore")  # the campaign computes with NaN and infinity on purpose
    module, name, *_ = MACHINES[given.machine[0]]
    c_api.load_plugin()
    machine = getattr(importlib.import_module("." + module, __package__), name)
    machine.recorder = recorder = Recorder(given.block)
    phases = [Phase.generate] if given.quick else [Phase.generate, Phase.shrink]
    wanted = settings(
        max_examples=given.count,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        derandomize=True,
        phases=phases,
        print_blob=True,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    started = time.monotonic()
    try:
        run_state_machine_as_test(seed(given.seed)(machine), settings=wanted)
    except Exception as error:
        print(recorder.program)
        # A failure that does not occur again (threads) is inside an exception group.
        for found in (error, *getattr(error, "exceptions", ())):
            print(f"{type(found).__name__}: {found}")
            for frame in traceback.extract_tb(found.__traceback__):
                if str(HERE) in frame.filename:
                    print(f"    {frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.line}")
        print(*[note for note in getattr(error, "__notes__", ()) if "reproduce" in note], sep="\n")
        print(f"(after {recorder.programs} programs, those of shrinking included)")
        return 1
    print(f"{recorder.programs} programs, {recorder.calls} calls, {time.monotonic() - started:.0f} s")
    return 0


# -- all blocks --------------------------------------------------------------------------------------------


def blocks(given):
    """Returns (machine, seed, number of programs) for each block."""
    found = []
    for machine in given.machine:
        size, share = MACHINES[machine][2:]
        left, number = given.count * share // sum(MACHINES[name][3] for name in given.machine), 0
        while left > 0:
            found.append((machine, given.seed * 1000 + number, min(size, left)))
            left, number = left - size, number + 1
    return found


class Child:
    """A process that runs one block."""

    def __init__(self, given, block, folder):
        self.machine, self.seed, self.count = block
        self.flight, self.log = folder / f"{self}.flight", folder / f"{self}.log"
        self.command = ["-m", "calls", "--machine", self.machine, "--seed", self.seed, "--count", self.count]
        self.command += ["--quick"] * given.quick + ["--block"]
        environment = dict(os.environ)
        guarded = self.seed % GUARDED == GUARDED - 1 and not {"DENPA_GUARD", "guard"} & (
            environment.keys() | WITHOUT
        )
        self.mode = "DENPA_GUARD=1 " if guarded else ""
        if guarded:
            environment["DENPA_GUARD"] = "1"
        self.process = subprocess.Popen(
            [sys.executable, *map(str, self.command), str(self.flight)],
            env=environment,
            stdout=self.log.open("w"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.ends = time.monotonic() + SECONDS_A_PROGRAM * self.count + SECONDS_TO_SHRINK

    def __str__(self):
        return f"{self.machine} {self.seed}"

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
        if code == 0:
            print(f"{self}{' (guarded)' if self.mode else ''}: {text}", flush=True)
            return True
        print(f"FAIL {self}; repeat with")
        print(f"  {self.mode}python {' '.join(map(str, self.command))} FILE")
        if code < 0:
            print(f"ended by {signal.Signals(-code).name}; the last program was")
            text = self.flight.read_text(errors="replace") + text[-2000:]
        print(f"{text}\n", flush=True)
        return False


def run_all(given):
    """Returns the number of blocks that passed and of those that failed."""
    waiting, running, passed, failed = blocks(given), [], 0, 0
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
    return passed, failed


def main():
    given = arguments()
    if given.block:
        return run_block(given)
    passed, failed = run_all(given)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
