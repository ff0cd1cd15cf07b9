#!/usr/bin/env python3
"""Checks that the benchmarks build, follow their protocol, print the documented output, and time the same
arithmetic. It judges no times, and needs no peer except NumPy."""

import re
import subprocess
import sys

from checks import ROOT, check, finish

sys.path[:0] = [str(ROOT / "benchmarks")]
import harness  # noqa: E402
import workloads  # noqa: E402

LINE = re.compile(r"[a-z0-9-]+(/[a-z_]+)? +\d+ +[\d,]+(\.\d+)?  \([\d,]+(\.\d+)?\)")
BLOCK = 0.01  # seconds
SMALL = workloads.WORKLOADS["tiny-8-8-8-1"]
BATCHES = workloads.Workload((8, 8, 3), 4, "relu", workloads.CE, "adam", False)


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


def main():
    built = run("make", "-s", "bench-programs")
    check("the programs build", [] if built.returncode == 0 else (built.stdout + built.stderr).splitlines())

    for work in ("train_batch", "fit", "predict"):
        command = [harness.BUILD / "denpa_bench", work, 1, *SMALL.arguments]
        check(f"denpa_bench measures {work}", block_of(work, command))
    check("denpa_bench measures batches and classes",
          block_of("batches", [harness.BUILD / "denpa_bench", "train_batch", 2, *BATCHES.arguments]))
    for what in ("multiply-add", "memory"):
        check(f"machine_peak measures {what}", block_of(what, [harness.BUILD / "machine_peak", what, 2]))
    check("machine_peak keeps its chains apart", chains())
    for peer in ("denpa_peer", "numpy_peer"):
        command = [sys.executable, harness.PEERS / f"{peer}.py", 1, *BATCHES.arguments]
        check(f"{peer}.py measures", block_of(peer, command))
    for path in sorted(harness.PEERS.glob("*.py")):
        compiled = run(sys.executable, "-c", f"compile(open({str(path)!r}).read(), {str(path)!r}, 'exec')")
        check(f"{path.name} is Python", compiled.stderr.splitlines())

    problems, names = bench("tiny-online", "predict-64-32-10", "loading")
    check("bench.py prints WORKLOAD THREADS microseconds (best)", problems)
    check("bench.py times the loop, the call, Python, prediction and loading", sorted(names) == [
        "dlopen", "import-denpa", "predict-64-32-10", "tiny-online/fit", "tiny-online/python", "tiny-online/train_batch"])
    unknown = run(sys.executable, "benchmarks/bench.py", "nothing")
    check("bench.py refuses an unknown workload", unknown.returncode != 0 and "known are tiny-online" in unknown.stderr)

    same = run(sys.executable, "benchmarks/check.py", "--peers", "numpy", "tiny-online", "tiny-8-8-8-1", "book-mlp", "mlp-adam")
    agreed = same.returncode == 0 and same.stdout.count(" agrees\n") == 4
    check("Denpa and NumPy compute the same losses", [] if agreed else (same.stdout + same.stderr).splitlines())

    # 2-3-2 with 5 rows: products 2·5·2·3 = 60 and 2·5·3·2 = 60; y, dW of both, dx of the second.
    # 6 + 3 + 6 + 2 parameters.
    work = workloads.Workload((2, 3, 2), 5, "relu", workloads.CE, "adam", True)
    check("the floor counts operations and bytes", (work.operations, work.bytes) == (5 * 60, 17 * 4 * 7))
    check("the floor is their time", abs(work.floor(1e6, 1e6) - (300 + 476)) < 1e-6)
    finish()


if __name__ == "__main__":
    main()
