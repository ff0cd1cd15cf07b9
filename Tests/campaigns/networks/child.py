"""A child process that runs networks (worker.py): it receives requests as lines of JSON, and is replaced if
it dies or does not respond.
"""

from __future__ import annotations

import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
LONGEST = 180  # the maximum number of seconds for a network
TURN = 5  # seconds between two checks for a response


def kernel_sets():
    """The sets of kernels in turn: this CPU's best set more often than the narrower ones."""
    try:
        flags = {word for line in open("/proc/cpuinfo") if line.startswith("flags") for word in line.split()}
    except OSError:
        flags = set()
    sets = ["sse2"]
    if {"avx2", "fma"} <= flags:
        sets.append("avx2")
    if {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= flags:
        sets.append("avx512")
    return [sets[-1]] * 3 + sets[-2::-1]


class Child:
    def __init__(self, kernels, mode=None):
        settings = {
            **os.environ,
            "DENPA_KERNELS": kernels,
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONFAULTHANDLER": "1",
            "PYTHONPATH": f"{ROOT / 'bindings' / 'python'}:{ROOT / 'Tests' / 'campaigns'}",
        }
        if mode:
            settings[mode] = "1"
        if not settings.get("DENPA_LIBRARY"):
            settings["DENPA_LIBRARY"] = str(ROOT / "build" / "libdenpa.so.0")
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "networks.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=settings,
            cwd=ROOT,
        )

    def ask(self, question, seconds=LONGEST):
        """Returns the response, or {"died": how, "text": its last output}."""
        try:
            self.process.stdin.write(json.dumps(question).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return self.dead()
        answer, waited = b"", 0
        while not answer.endswith(b"\n"):
            # Counted in turns, so that time in which all processes are stopped does not count.
            ready, _, _ = select.select([self.process.stdout], [], [], TURN)
            if not ready:
                waited += TURN
                if waited < seconds:
                    continue
                self.process.kill()
                return {**self.dead(), "died": f"no answer for {seconds} s"}
            part = os.read(self.process.stdout.fileno(), 1 << 16)
            if not part:
                return self.dead()
            answer += part
        return json.loads(answer)

    def dead(self):
        code = self.process.wait()
        self.errors.seek(0)
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return {"died": how, "text": self.errors.read()[-3000:].decode(errors="replace"), "failures": []}

    def once(self, question):
        answer = self.ask(question)
        self.end()
        return answer

    def end(self):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()
