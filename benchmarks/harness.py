"""Runs the measuring programs in turns."""

from __future__ import annotations

import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "bench"
LIBRARY = ROOT / "build" / "libdenpa.so"
PEERS = ROOT / "benchmarks" / "peers"
BLOCKS = 7
SECONDS = 0.3  # of a block
PAUSE = 0.03  # before a block: threads of the program before, which spin for a while when their work is done, go to sleep
DISTURBED = 0.05  # share of the machine that other processes may take

CPUS = sorted(os.sched_getaffinity(0))
TICK = os.sysconf("SC_CLK_TCK")


def environment(threads: int) -> dict[str, str]:
    """For a program of that many threads."""
    settings = dict(os.environ)
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        settings[variable] = str(threads)
    settings["PYTHONPATH"] = str(ROOT / "bindings" / "python")
    settings["DENPA_LIBRARY"] = str(LIBRARY)
    settings["TORCHINDUCTOR_CACHE_DIR"] = str(BUILD / "inductor")
    settings["TF_CPP_MIN_LOG_LEVEL"] = "2"
    return settings


class Program:
    """A program that prints "ready" and then measures one block for each line that it is sent; see README.md.

    It runs on the first `threads` CPUs of this process from its start on: JAX has no other way to be told.
    """

    def __init__(self, label: str, threads: int, command: list[object]) -> None:
        self.label, self.threads = label, threads
        self.times: list[float] = []
        os.sched_setaffinity(0, CPUS[:threads])
        try:
            self.process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                env=environment(threads))
        finally:
            os.sched_setaffinity(0, CPUS)
        assert self.process.stdin is not None and self.process.stdout is not None
        self.input, self.output = self.process.stdin, self.process.stdout
        self.works = self.output.readline().strip() == "ready"

    def block(self, seconds: float = SECONDS) -> None:
        """Measures one block; a program that fails works no more."""
        if not self.works:
            return
        try:
            self.input.write(f"{seconds}\n")
            self.input.flush()
            self.times.append(float(self.output.readline()))
        except (OSError, ValueError):
            self.works = False

    @property
    def median(self) -> float:
        return statistics.median(self.times)

    @property
    def best(self) -> float:
        return min(self.times)

    def peak_bytes(self) -> int:
        """The most memory that the process has had resident so far."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise ValueError("no VmHWM in the process's status")

    def ticks(self) -> int:
        """Clock ticks of CPU time that it has used."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    def close(self) -> None:
        try:
            self.input.close()
        except BrokenPipeError:
            pass
        self.process.wait()


def busy_ticks() -> int:
    """Clock ticks in which the CPUs did not idle, those included that a hypervisor gave to others."""
    for line in pathlib.Path("/proc/stat").read_text().splitlines():
        if line.startswith("cpu "):
            user, nice, system, _idle, _iowait, irq, softirq, steal, *_ = map(int, line.split()[1:])
            return user + nice + system + irq + softirq + steal
    return 0


def measure(programs: list[Program], blocks: int = BLOCKS, seconds: float = SECONDS) -> bool:
    """Measures `blocks` blocks of each, one after the other in turns, so that a slow moment of the machine meets all of them.

    Says on the error output which programs failed and whether other processes disturbed; answers whether all of them work.
    """
    running = [program for program in programs if program.works]
    started, busy = time.monotonic(), busy_ticks()
    used = sum(program.ticks() for program in running)
    for _ in range(blocks):
        for program in running:
            time.sleep(PAUSE)
            program.block(seconds)
    if all(program.works for program in running):
        used = sum(program.ticks() for program in running) - used
        elapsed = (time.monotonic() - started) * TICK * (os.cpu_count() or 1)
        others = (busy_ticks() - busy - used) / elapsed
        if others > DISTURBED:
            print(f"# other processes took {others:.0%} of the machine during the next figures", file=sys.stderr)
    for program in programs:
        program.close()
        if not program.works:
            print(f"# {program.label} failed with {program.threads} thread(s)", file=sys.stderr)
    return all(program.works for program in programs)


def denpa(work: str, threads: int, arguments: list[str]) -> Program:
    """Denpa from C: `work` is train_batch, fit or predict."""
    label = "Denpa" if work == "train_batch" else f"Denpa {work}"
    return Program(label, threads, [BUILD / "denpa_bench", work, threads, *arguments])


def thread_counts(batch: int) -> list[int]:
    """1, and 2 where there is work to divide."""
    return [1, 2] if batch > 1 and len(CPUS) > 1 else [1]


def machine() -> str:
    """One line: the library, its kernels, the processor."""
    library = subprocess.run([str(BUILD / "denpa_bench"), "kernels"], capture_output=True, text=True, check=True)
    model = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return f"{library.stdout.strip()}, {len(CPUS)} CPUs of {model}"


def chosen(names: list[str], known: list[str]) -> list[str]:
    """The names that were asked for, all where none was; ends the program for one that is not known."""
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit(f"unknown: {' '.join(unknown)}; known are {' '.join(known)}")
    return names or known


def figure(number: float) -> str:
    """With about four digits."""
    if number >= 1000:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 100 else f"{number:.2f}" if number >= 10 else f"{number:.3f}"
