"""Denpa's training step beside its peers': see benchmarks/README.md.

usage: run.py [WORKLOAD ...]
"""

import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "bench"
BLOCKS = 7

MSE, CE = "mean_squared_error", "softmax_cross_entropy"
# name: (sizes, batch, activation, loss, optimizer)
WORKLOADS = {
    "tiny-online": ([2, 10, 1], 1, "relu", MSE, "sgd"),
    "tiny-2-10-1": ([2, 10, 1], 1, "sigmoid", MSE, "sgd"),
    "tiny-3-7-2": ([3, 7, 2], 1, "sigmoid", MSE, "sgd"),
    "tiny-5-20-10-3": ([5, 20, 10, 3], 1, "sigmoid", MSE, "sgd"),
    "tiny-8-8-8-1": ([8, 8, 8, 1], 1, "sigmoid", MSE, "sgd"),
    "book-mlp": ([784, 50, 10], 100, "sigmoid", CE, "sgd"),
    "mlp-adam": ([784, 512, 512, 10], 128, "relu", CE, "adam"),
    "mlp-wide": ([1024, 2048, 2048, 1000], 512, "relu", CE, "adam"),
}


def fann_program():
    """Builds fann_peer.c; None where FANN is not to be had."""
    program = BUILD / "fann_peer"
    command = ["cc", "-O3", str(ROOT / "benchmarks" / "fann_peer.c"), "-o", str(program), "-lfloatfann", "-lm"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    if subprocess.run(command, **quiet).returncode != 0:
        subprocess.run([str(ROOT / "scripts" / "setup.sh"), "package", "libfann-dev"], **quiet)
        if subprocess.run(command, **quiet).returncode != 0:
            return None
    return program


class Peer:
    """A program that measures one block for each line that it is sent."""

    def __init__(self, name, command, threads):
        environment = dict(os.environ)
        for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            environment[variable] = str(threads)
        self.name = name
        self.times = []
        pin = (lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})) if threads == 1 else None
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
            preexec_fn=pin)
        if self.process.stdout.readline().strip() != "ready":
            self.process.wait()
            self.process = None

    def block(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.times.append(float(self.process.stdout.readline()))

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    @property
    def median(self):
        return statistics.median(self.times)


def peers(name, threads, fann):
    sizes, batch, activation, loss, optimizer = WORKLOADS[name]
    network = [batch, activation, loss, optimizer, *sizes]
    yield "denpa", [BUILD / "denpa_bench", "step", threads, *network]
    if batch == 1:
        yield "denpa fit", [BUILD / "denpa_bench", "fit", threads, *network]
    yield "numpy", [sys.executable, ROOT / "benchmarks" / "numpy_peer.py", *network]
    if fann and batch == 1 and activation == "sigmoid" and threads == 1:
        yield "fann", [fann, *sizes]


def measure(name, threads, fann):
    """{peer: microseconds a step}, blocks taken in turns."""
    running = [Peer(label, command, threads) for label, command in peers(name, threads, fann)]
    failed = [peer.name for peer in running if peer.process is None]
    running = [peer for peer in running if peer.process is not None]
    for _ in range(BLOCKS):
        for peer in running:
            peer.block()
    for peer in running:
        peer.close()
    for label in failed:
        print(f"{name}: {label} did not run", file=sys.stderr)
    return {peer.name: peer.median for peer in running}


def figure(microseconds):
    if microseconds is None:
        return "-"
    return f"{microseconds:,.3f}" if microseconds < 100 else f"{microseconds:,.0f}"


def main():
    wanted = sys.argv[1:] or list(WORKLOADS)
    unknown = [name for name in wanted if name not in WORKLOADS]
    if unknown:
        raise SystemExit(f"unknown: {' '.join(unknown)}; known are {' '.join(WORKLOADS)}")
    fann = fann_program()
    if fann is None:
        print("FANN is left out: libfann-dev cannot be installed", file=sys.stderr)
    print(f"microseconds a training step, median of {BLOCKS} blocks; ratio: the best peer's time by Denpa's best")
    print(f"{'workload':16s} {'threads':>7s} {'denpa':>11s} {'denpa fit':>11s} {'numpy':>11s} {'fann':>11s} {'ratio':>7s}")
    complete = True
    for name in wanted:
        for threads in (1, 2) if WORKLOADS[name][1] > 1 else (1,):
            times = measure(name, threads, fann)
            ours = [times[label] for label in ("denpa", "denpa fit") if label in times]
            theirs = [times[label] for label in ("numpy", "fann") if label in times]
            complete = complete and bool(ours)
            ratio = f"{min(theirs) / min(ours):.2f}" if ours and theirs else "-"
            columns = " ".join(f"{figure(times.get(label)):>11s}" for label in ("denpa", "denpa fit", "numpy", "fann"))
            print(f"{name:16s} {threads:7d} {columns} {ratio:>7s}", flush=True)
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
