#!/usr/bin/env python3
"""Random orders of calls, compared with a model of what must hold (CONTRIBUTING.md, "Campaigns").

usage: run.py [--examples N] [--seed S] [--machine NAME ...] [--jobs N] [--quick]

Programs run in blocks, each in a process of its own. A failure is shrunk and printed as a list of calls; of a crash or a hang the last
program is printed as it was. The last line is "N passed, N failed", counted in blocks. --quick: failures are not shrunk.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
BINDINGS = HERE.parents[2] / "bindings" / "python"
# Module, class, programs in a block, share of the programs.
MACHINES = {
    "c": ("c_fitting", "CMachine", 200, 5),
    "threads": ("c_threads", "ThreadMachine", 100, 1),
    "python": ("python_training", "PythonMachine", 200, 4),
}
STEPS = 40
SECONDS_A_PROGRAM, SECONDS_TO_SHRINK = 3, 600  # limits: more is a hang


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--examples", type=int, default=1000, help="programs, divided among the machines")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--machine", nargs="*", choices=list(MACHINES), default=list(MACHINES))
    parser.add_argument("--jobs", type=int, default=2, help="blocks at once")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--block", help=argparse.SUPPRESS)  # flight recorder: this process runs one block
    return parser.parse_args()


# -- one block ----------------------------------------------------------------------------------------------------------


def run_block(given):
    """In the child: runs one machine's programs."""
    sys.path[:] = [str(HERE), *sys.path, str(BINDINGS)]
    import numpy as np
    from hypothesis import HealthCheck, Phase, seed, settings
    from hypothesis.stateful import run_state_machine_as_test

    import c_api
    from recorder import Recorder

    np.seterr(all="ignore")  # the campaign computes with NaN and infinity on purpose
    module, name, *_ = MACHINES[given.machine[0]]
    c_api.load_plugin()
    machine = getattr(__import__(module), name)
    machine.recorder = recorder = Recorder(None if given.block == "-" else given.block)
    phases = [Phase.generate] if given.quick else [Phase.generate, Phase.shrink]
    wanted = settings(
        max_examples=given.examples,
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
        import traceback

        print(f"{recorder.program}\n{type(error).__name__}: {error}")
        for frame in traceback.extract_tb(error.__traceback__):
            if str(HERE) in frame.filename:
                print(f"    {frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.line}")
        print(*[note for note in getattr(error, "__notes__", ()) if "reproduce" in note], sep="\n")
        print(f"(after {recorder.programs} programs, those of shrinking included)")
        return 1
    print(f"{recorder.programs} programs, {recorder.calls} calls, {time.monotonic() - started:.0f} s")
    return 0


# -- all blocks ---------------------------------------------------------------------------------------------------------


def blocks(given):
    """(machine, seed, programs) of each block."""
    found = []
    for machine in given.machine:
        size, share = MACHINES[machine][2:]
        left, number = given.examples * share // sum(MACHINES[name][3] for name in given.machine), 0
        while left > 0:
            found.append((machine, given.seed * 1000 + number, min(size, left)))
            left, number = left - size, number + 1
    return found


class Child:
    def __init__(self, given, block, folder):
        self.machine, self.seed, self.examples = block
        self.name = f"{self.machine} seed {self.seed}"
        self.flight, self.log = (
            folder / f"{self.machine}-{self.seed}.flight",
            folder / f"{self.machine}-{self.seed}.log",
        )
        command = [
            sys.executable,
            str(HERE / "run.py"),
            "--block",
            str(self.flight),
            "--machine",
            self.machine,
        ]
        command += ["--seed", str(self.seed), "--examples", str(self.examples)] + ["--quick"] * given.quick
        self.process = subprocess.Popen(
            command, stdout=self.log.open("w"), stderr=subprocess.STDOUT, start_new_session=True
        )
        self.ends = time.monotonic() + SECONDS_A_PROGRAM * self.examples + SECONDS_TO_SHRINK

    def is_over(self):
        if self.process.poll() is None and time.monotonic() > self.ends:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        return self.process.poll() is not None

    def report(self):
        """Prints what became of it; whether it passed."""
        code, text = self.process.returncode, self.log.read_text(errors="replace")
        if code == 0:
            print(f"{self.name}: {text.strip()}", flush=True)
            return True
        print(f"FAIL {self.name}, {self.examples} programs: repeat with")
        print(f"     run.py --block - --machine {self.machine} --seed {self.seed} --examples {self.examples}")
        if code < 0:
            print(f"ended by {signal.Signals(-code).name}; the last program was")
            text = (
                text[-2000:]
                + (self.flight.read_text(errors="replace") if self.flight.exists() else "")
                + "\n"
            )
        print(text, flush=True)
        return False


def main():
    given = arguments()
    if given.block:
        return run_block(given)
    waiting, running, passed, failed = blocks(given), [], 0, 0
    with tempfile.TemporaryDirectory() as folder:
        while waiting or running:
            while waiting and len(running) < given.jobs:
                running.append(Child(given, waiting.pop(0), pathlib.Path(folder)))
            time.sleep(0.05)
            for child in [child for child in running if child.is_over()]:
                running.remove(child)
                if child.report():
                    passed += 1
                else:
                    failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
