"""The product kernel beside NumPy's OpenBLAS and JAX, and beside what the core can do at most.

usage: run.py [--timer PROGRAM] [--threads 1 2] [--dtypes float32 float64] [--groups NAME ...] [--blocks N]

Runs with any Python that has NumPy; JAX is left out where it is not installed. Every line is measured in turns, a block of about
20 ms each: Denpa, its peers, and the peak, so that a busy moment meets all of them. The figures are medians.
"""

import argparse
import itertools
import os
import pathlib
import signal
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TIMER = HERE.parent.parent / ".build" / "release" / "product-benchmark"


def layers(batch, *sizes):
    """The products of a network's training step: forward, gradient of the weights, gradient of the input."""
    for i, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
        yield batch, outputs, inputs, 0, 0
        yield inputs, outputs, batch, 1, 0
        if i > 0:
            yield batch, inputs, outputs, 0, 1


SQUARES = 8, 10, 16, 24, 32, 33, 50, 64, 100, 128, 192, 200, 256, 300, 384, 512, 513, 768, 1000, 1024, 1536, 2048
# name: (m, n, k, A stored transposed, B stored transposed)
GROUPS = {
    "squares": [(s, s, s, 0, 0) for s in SQUARES],
    "transposed": [(s, s, s, a, b) for s in (64, 200, 513, 1024) for a, b in ((0, 1), (1, 0), (1, 1))],
    "tall": [(4096, n, k, 0, 0) for n, k in ((8, 8), (16, 256), (33, 64), (64, 64), (128, 1024))],
    "flat": [(m, 4096, k, 0, 0) for m, k in ((1, 64), (2, 512), (8, 8), (16, 256), (33, 64), (64, 64), (128, 1024))],
    "deep": [(m, n, 8192, a, b) for m, n in ((8, 8), (16, 16), (33, 50), (64, 64)) for a, b in ((0, 0), (1, 0), (0, 1))],
    "vectors": [
        (1, 1000, 1000, 0, 0), (1, 1000, 1000, 0, 1), (1, 4096, 4096, 0, 1), (1000, 1, 1000, 0, 0), (4096, 1, 4096, 0, 0),
        (1000, 1, 1000, 1, 0), (1000, 1000, 1, 0, 0),
    ],
    "odd": [(17, 31, 61, 0, 0), (97, 101, 103, 0, 0), (129, 257, 65, 0, 0), (255, 1025, 511, 0, 0), (1001, 77, 333, 0, 0)],
    "book-mlp": list(layers(100, 784, 50, 10)),
    "mlp-adam": list(layers(128, 784, 512, 512, 10)),
    "mlp-wide": list(layers(512, 1024, 2048, 2048, 1000)),
}


class Peer:
    """A program that measures one block for each line that it is sent."""

    def __init__(self, command, cpus):
        environment = dict(os.environ)
        for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            environment[variable] = str(len(cpus))
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, cpus))
        if self.process.stdout.readline().strip() != "ready":
            raise SystemExit(f"did not run: {command}")

        self.process.send_signal(signal.SIGSTOP)

    def block(self, line):
        # Stopped in between: OpenBLAS's threads go on spinning for longer than the next block takes.
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = float(self.process.stdout.readline())
        self.process.send_signal(signal.SIGSTOP)
        return answer

    def close(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.close()
        self.process.wait()


def has_jax():
    return subprocess.run([sys.executable, "-c", "import jax"], stderr=subprocess.DEVNULL).returncode == 0


def row(peers, dtype, shape, blocks):
    """{name: GFLOP/s}, and the peak's."""
    m, n, k, *_ = shape
    line = " ".join(map(str, (dtype, *shape)))
    times, peak = {name: [] for name in peers}, []
    for name, peer in peers.items():
        peer.block(line)
    for _ in range(blocks):
        for name, peer in peers.items():
            times[name].append(peer.block(line))
        peak.append(peers["denpa"].block(f"peak {dtype}"))
    return {name: 2e-9 * m * n * k / statistics.median(t) for name, t in times.items()}, statistics.median(peak) / 1e9


def table(arguments, threads):
    cpus = set(sorted(os.sched_getaffinity(0))[:threads])
    if len(cpus) < threads:
        print(f"there are not {threads} CPUs", file=sys.stderr)
        return
    peers = {"denpa": Peer([arguments.timer, threads], cpus)}
    if threads > 1:
        for gap, what in ((20, "while training runs"), (20_000, "after 20 ms of rest")):
            wake = statistics.median(peers["denpa"].block(f"wake {gap}") for _ in range(arguments.blocks))
            print(f"# a helper of the pool begins {wake * 1e6:.1f} microseconds after it is called, {what}")
    peers["numpy"] = Peer([sys.executable, HERE / "numpy_peer.py"], cpus)
    if has_jax():
        peers["jax"] = Peer([sys.executable, HERE / "jax_peer.py"], cpus)
        dispatch = statistics.median(peers["jax"].block("dispatch float32") for _ in range(arguments.blocks))
        print(f"# a call of JAX that does nothing: {dispatch * 1e6:.1f} microseconds; it is part of JAX's figures")
    for dtype, group in itertools.product(arguments.dtypes, arguments.groups):
        print(f"\n{group}, {dtype}, {threads} thread{'s' if threads > 1 else ''}: GFLOP/s")
        print(f"{'m':>5} {'n':>5} {'k':>5} {'op':>2} {'denpa':>8}", *(f"{name:>8}" for name in list(peers)[1:]),
              f"{'peak':>8} {'share':>6}", *(f"{'/' + name:>7}" for name in list(peers)[1:]))
        for shape in GROUPS[group]:
            speed, peak = row(peers, dtype, shape, arguments.blocks)
            op = "NT"[shape[3]] + "NT"[shape[4]]
            print(*(f"{extent:5}" for extent in shape[:3]), op, *(f"{speed[name]:8.2f}" for name in peers),
                  f"{peak:8.1f} {speed['denpa'] / peak:6.1%}",
                  *(f"{speed['denpa'] / speed[name]:7.2f}" for name in list(peers)[1:]), flush=True)
    for peer in peers.values():
        peer.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--timer", type=pathlib.Path, default=TIMER)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--dtypes", nargs="+", choices=("float32", "float64"), default=["float32", "float64"])
    parser.add_argument("--groups", nargs="+", choices=list(GROUPS), default=list(GROUPS))
    parser.add_argument("--blocks", type=int, default=7)
    arguments = parser.parse_args()
    for threads in arguments.threads:
        table(arguments, threads)


if __name__ == "__main__":
    main()
