#!/usr/bin/env python3
"""Checks that the benchmarks build, follow their protocol, print the documented output, and time the same
arithmetic. It judges no times, and needs no peer except NumPy."""

import itertools
import math
import os
import re
import subprocess
import sys

from checks import ROOT, check, finish

sys.path[:0] = [str(ROOT / "benchmarks")]
import harness  # noqa: E402
import workloads  # noqa: E402

os.environ["DENPA_LIBRARY"] = str(harness.LIBRARY)
import check as benchmark_check  # noqa: E402
import protocol  # noqa: E402

LINE = re.compile(r"[a-z0-9-]+(/[a-z_]+)? +\d+ +[\d,]+(\.\d+)?  \([\d,]+(\.\d+)?\)")
BLOCK = 0.01  # seconds
SMALL = workloads.WORKLOADS["tiny-8-8-8-1"]
BATCHES = workloads.Workload((8, 8, 3), 4, "relu", workloads.CE, "adam", False)
LAYERS = workloads.Workload((8, 8, 8, 3), 4, "layer_norm,relu,dropout", workloads.CE, "adamw-clip", False)
ROOT_MEANS = workloads.Workload((8, 8, 3), 4, "sigmoid", workloads.CE, "rmsprop", False)
NEW = ["mlp-rmsprop", "mlp-adamw-clip", "mlp-dropout", "mlp-layer-norm"]  # of 784-512-512-10, beside mlp-adam


def run(*command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", env=harness.environment(1))


def block_of(label, command):
    """Returns the problems of a program that is asked for two blocks."""
    program = harness.Program(label, 1, command)
    program.block(BLOCK)
    program.block(BLOCK)
    program.close()
    if len(program.times) != 2 or min(program.times) <= 0 or program.process.returncode != 0:
        return [f"{label}: times {program.times}, exit code {program.process.returncode}"]
    return []


def bench(*arguments):
    """Returns the problems of bench.py's output, and the names that it printed figures for."""
    done = run(sys.executable, "benchmarks/bench.py", "--blocks", "1", "--seconds", str(BLOCK), *arguments)
    lines = [line for line in done.stdout.splitlines() if not line.startswith("#")]
    problems = [f"not a figure: {line}" for line in lines if not LINE.fullmatch(line)]
    if done.returncode != 0 or not lines:
        problems += [f"exit code {done.returncode}", *(done.stdout + done.stderr).splitlines()]
    return problems, [line.split()[0] for line in lines]


def chains():
    """Returns the problems of the loop that measures the peak: if the compiler merged its twelve chains, the
    measured peak would be wrong."""
    listed = run("objdump", "-d", "--no-show-raw-insn", str(harness.BUILD / "machine_peak")).stdout
    loops = re.findall(r"<multiply_add_(\w+)>:\n(.*?)\n\n", listed, re.DOTALL)
    found = {name: len(re.findall(r"\t(?:vfmadd\w+|mulps|fmla) ", body)) for name, body in loops}
    return [f"{name}: {count} multiply-adds in the loop" for name, count in found.items() if count < 12] + ([] if found else ["no loop found"])


def own_losses():
    """Returns the losses in which the loops in Python differ from train_batch on the same batches."""
    network = protocol.Network.parse(["1", *workloads.LOOPS["generator"].arguments])
    batches = list(itertools.islice(network.batches(), benchmark_check.STEPS))
    loop = benchmark_check.made("denpa", "own-loop")
    calls = benchmark_check.made("denpa", "own-loop")
    fit = benchmark_check.made("denpa", "generator")
    losses = [[], [], benchmark_check.losses(fit, benchmark_check.STEPS)]
    for loop.x, loop.t in batches:
        loop.step()
        losses[0].append(loop.loss())
        losses[1].append(calls.net.train_batch(loop.x, loop.t))
    return [f"{triple}" for triple in zip(*losses) if max(triple) - min(triple) > 1e-6]


def main():
    built = run("make", "-s", "bench-programs")
    check("the programs build", [] if built.returncode == 0 else (built.stdout + built.stderr).splitlines())

    for work in ("train_batch", "fit", "predict"):
        command = [harness.BUILD / "denpa_bench", work, 1, *SMALL.arguments]
        check(f"denpa_bench measures {work}", block_of(work, command))
    check("denpa_bench measures batches and classes",
          block_of("batches", [harness.BUILD / "denpa_bench", "train_batch", 2, *BATCHES.arguments]))
    for name, work in (("layers between and clipped AdamW", LAYERS), ("RMSProp", ROOT_MEANS)):
        check(f"denpa_bench measures {name}",
              block_of(name, [harness.BUILD / "denpa_bench", "train_batch", 2, *work.arguments]))
    wrong = run(str(harness.BUILD / "denpa_bench"), "train_batch", "1", "4", "relu,nothing", *BATCHES.arguments[2:])
    check("denpa_bench refuses an unknown layer", wrong.returncode == 1 and '"nothing"' in wrong.stderr)
    for what in ("multiply-add", "memory"):
        check(f"machine_peak measures {what}", block_of(what, [harness.BUILD / "machine_peak", what, 2]))
    check("machine_peak keeps its chains apart", chains())
    for peer, work in [(peer, work) for peer in ("denpa_peer", "numpy_peer") for work in (BATCHES, LAYERS, ROOT_MEANS)]:
        command = [sys.executable, harness.PEERS / f"{peer}.py", 1, *work.arguments]
        check(f"{peer}.py measures {work.between} with {work.optimizer}", block_of(peer, command))
    for loop in ("denpa_own_loop", "denpa_generator"):
        command = [sys.executable, harness.PEERS / f"{loop}.py", 1, *BATCHES.arguments]
        check(f"{loop}.py measures", block_of(loop, command))
    for path in sorted(harness.PEERS.glob("*.py")):
        compiled = run(sys.executable, "-c", f"compile(open({str(path)!r}).read(), {str(path)!r}, 'exec')")
        check(f"{path.name} is Python", compiled.stderr.splitlines())

    problems, names = bench("tiny-online", "predict-64-32-10", "loading")
    check("bench.py prints WORKLOAD THREADS microseconds (best)", problems)
    check("bench.py times the loop, the call, Python, prediction and loading", sorted(names) == [
        "dlopen", "import-denpa", "predict-64-32-10", "tiny-online/fit", "tiny-online/python", "tiny-online/train_batch"])
    unknown = run(sys.executable, "benchmarks/bench.py", "nothing")
    check("bench.py refuses an unknown workload", unknown.returncode != 0 and "known are tiny-online" in unknown.stderr)

    same = run(sys.executable, "benchmarks/check.py", "--peers", "numpy", "tiny-online", "tiny-8-8-8-1", "book-mlp", "mlp-adam", *NEW)
    agreed = same.returncode == 0 and same.stdout.count(" agrees\n") == 9 and "standard errors" in same.stdout
    check("Denpa and NumPy compute the same losses", [] if agreed else (same.stdout + same.stderr).splitlines())

    errors_apart = benchmark_check.errors_apart
    check("a mean of losses with dropout that is off is found", [
        problem for problem, apart, low, high in (
            ("equal draws", errors_apart([1.0, 2.0] * 25, [1.5, 1.5, 2.0, 1.0, 1.5] * 10), 0, 0.01),
            # variances 50/49·0.25, 50 draws: √(2·0.25·50/49/50) = 0.10102, ten of which are 1.0102
            ("means ten errors apart", errors_apart([1.0, 2.0] * 25, [2.010153, 3.010153] * 25), 9.999, 10.001),
            ("no dropout at all", errors_apart([1.0, 2.0] * 25, [1.5] * 50), math.inf, math.inf),
        ) if not low <= apart <= high])

    check("Denpa's own loop, fit from a generator and train_batch compute the same losses", own_losses())

    # 2-3-2 with 5 rows: products 2·5·2·3 = 60 and 2·5·3·2 = 60; y, dW of both, dx of the second.
    # 6 + 3 + 6 + 2 parameters.
    work = workloads.Workload((2, 3, 2), 5, "relu", workloads.CE, "adam", True)
    check("the floor counts operations and bytes", (work.operations, work.bytes) == (5 * 60, 17 * 4 * 7))
    work = workloads.Workload((2, 3, 2), 5, "layer_norm,relu", workloads.CE, "adamw-clip", True)
    check("the floor counts layer norm's parameters and the norm of gradients", work.bytes == (17 + 6) * 4 * 8)
    work = workloads.Workload((2, 3, 2), 5, "relu", workloads.CE, "adam", True)
    check("the floor is their time", abs(work.floor(1e6, 1e6) - (300 + 476)) < 1e-6)
    finish()


if __name__ == "__main__":
    main()
