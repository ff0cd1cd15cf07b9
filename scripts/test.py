#!/usr/bin/env python3
"""Runs all of Denpa's tests, one part after another, and adds them up.

usage: scripts/test.py [--list] [PART ...]      (make test, make test PARTS="c python")

Each part is a command with a time limit. Its output goes to build/test-logs/PART.log, and the passed and
failed tests that it reports are counted. A part that crashes, exceeds its limit or runs no test counts as one
failure. The last line is "N passed, N failed"; the exit code is 1 if anything failed.
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "test-logs"
PYTHON = sys.executable
LIBRARY = ROOT / "build" / "libdenpa.so.0"

# How test runners report their results. Each pattern yields (passed, failed); all matches are added.
PLAIN = re.compile(r"^(\d+) passed, (\d+) failed$", re.M)
PYTEST = re.compile(r"^=*.*\bin [\d.]+s.*=*$", re.M)
SWIFT_TESTING = re.compile(r"Test run with (\d+) tests?.* (passed|failed) after", re.M)
SWIFT_FAILED = re.compile(r"^.\s+Test (?!run\b|case\b).* failed after", re.M)
XCTEST = re.compile(r"Executed (\d+) tests?, with .*?(\d+) failures?", re.M)


def count(kind, text):
    """Returns (passed, failed) for the output of one part."""
    if kind == "command":
        return 1, 0
    if kind == "pytest":
        lines = [line for line in PYTEST.findall(text) if re.search(r"\d+ (passed|failed|error)", line)]
        if not lines:
            return 0, 0
        said = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|errors?)", lines[-1])}
        return said.get("passed", 0), said.get("failed", 0) + said.get("error", 0) + said.get("errors", 0)
    if kind == "swift":
        passed = failed = 0
        for number, _ in SWIFT_TESTING.findall(text):
            passed += int(number)
        failed += len(SWIFT_FAILED.findall(text))
        executed = XCTEST.findall(text)  # the last line is the total
        if executed:
            passed += int(executed[-1][0])
            failed += int(executed[-1][1])
        return max(passed - failed, 0), failed
    found = PLAIN.findall(text)
    return sum(int(p) for p, _ in found), sum(int(f) for _, f in found)


def cpu_flags():
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("flags"):
                return set(line.split())
    except OSError:
        pass
    return set()


def all_kernel_sets():
    """Returns the instruction sets that this machine supports, the best one last."""
    flags = cpu_flags()
    if not flags:
        return []
    sets = ["sse2"]
    if {"avx2", "fma"} <= flags:
        sets.append("avx2")
    if {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= flags:
        sets.append("avx512")
    return sets


def kernel_sets():
    """Returns the instruction sets below the best one, which the plain run tests."""
    return all_kernel_sets()[:-1]


def swift(command, *arguments):
    """Returns a command for Swift's tests. They are built for release, because the kernels depend on
    optimisation, and in a separate folder, so that the library's own build is not affected."""
    return ["swift", command, *arguments, "-c", "release", "-Xswiftc", "-enable-testing", "--scratch-path", ".build/tests"]


def parts():
    """Yields (name, kind, seconds, command, environment) in the order in which the parts run."""
    yield "sources", "plain", 120, [PYTHON, "scripts/check_sources.py"], {}
    yield "headers", "plain", 120, [PYTHON, "scripts/check_headers.py"], {}
    yield "library", "plain", 120, [PYTHON, "scripts/check_library.py"], {}
    yield "clients", "plain", 300, [PYTHON, "scripts/check_clients.py"], {}
    yield "c-compile", "command", 300, ["make", "-s", "-j2", "c-tests", "c++-tests", "examples"], {}
    for source in sorted((ROOT / "Tests" / "c").glob("*.c")):
        yield f"c-{source.stem}", "plain", 300, [f"build/tests/c/{source.stem}"], {}
    # In guard mode all memory ends at inaccessible pages and is NaN before it is written. Tests that count
    # allocations (guard mode makes more of them) and tests that run out of memory are left out.
    for name in all_kernel_sets():
        for test in ("values", "training", "graphs", "layers", "shared", "strides", "transactions", "own_layers",
                     "integers", "fitting", "checkpoints", "optimizers", "metrics", "trace"):
            yield f"c-{test}-guard-{name}", "plain", 120, [f"build/tests/c/{test}"], {
                "DENPA_KERNELS": name, "DENPA_GUARD": "1"}
    for name in kernel_sets():
        for test in ("values", "training", "graphs"):
            yield f"c-{test}-{name}", "plain", 120, [f"build/tests/c/{test}"], {"DENPA_KERNELS": name}
    for name in ("values", "layers", "files", "attributes", "exceptions"):
        yield f"c++-{name}", "plain", 120, [f"build/tests/c++/{name}"], {}
    yield "bad-input-table", "plain", 60, [PYTHON, "scripts/check_bad_input.py"], {}
    yield "example-xor", "command", 60, ["build/examples/xor"], {}
    yield "example-daemon", "command", 60, ["build/examples/daemon", "build/sensor.log"], {}
    yield "example-online-regression", "command", 60, ["build/examples/online_regression"], {}
    yield "example-three-factors", "command", 60, ["build/examples/three_factors"], {}
    yield "example-insight", "command", 60, ["build/examples/insight", "build"], {}
    yield "example-study-notes", "command", 60, ["build/examples/study_notes"], {}
    yield "demo", "command", 300, ["make", "-s", "demo"], {}
    python = [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    if (ROOT / "Tests" / "plugins").exists():
        if (ROOT / "Tests" / "plugins" / "run.sh").exists():
            yield "plugins", "plain", 300, ["bash", "Tests/plugins/run.sh"], {}
        else:
            yield "plugins", "pytest", 300, python + ["Tests/plugins"], {}
    # Tests that draw and open pages in a browser are a part of their own.
    seeing = sorted(
        f"Tests/python/{path.name}"
        for word in ("explain", "plots", "recorders") for path in (ROOT / "Tests" / "python").glob(f"test_{word}*.py"))
    rest = [f"--ignore={path}" for path in seeing]
    yield "python", "pytest", 900, python + ["Tests/python", *rest], {}
    yield "pages", "pytest", 600, python + seeing, {}
    yield "python-guard", "pytest", 600, python + [
        f"Tests/python/test_{name}.py"
        for name in ("averages", "book", "callbacks", "checkpoints", "consistency", "derivatives", "distances",
                     "factors", "gradients", "graph", "one_sample", "parameters", "resuming", "searching_optimizers",
                     "trace", "training")
    ], {"DENPA_GUARD": "1"}
    campaigns = {"PYTHONPATH": f"{ROOT / 'Tests' / 'campaigns'}:{ROOT / 'bindings' / 'python'}"}
    yield "networks", "plain", 600, [PYTHON, "-m", "networks", "--count", "600"], campaigns
    yield "calls", "plain", 1200, [PYTHON, "-m", "calls", "--count", "1200"], campaigns
    yield "files", "plain", 600, [PYTHON, "-m", "files", "--count", "20000"], campaigns
    yield "kill", "plain", 600, ["build/tests/kill", "--count", "200"], {}
    yield "python-types", "command", 120, [
        PYTHON, "-m", "mypy", "--config-file", "bindings/python/pyproject.toml", "bindings/python/denpa"], {}
    yield "benchmarks", "plain", 300, [PYTHON, "scripts/check_benchmarks.py"], {}
    yield "install", "plain", 120, [PYTHON, "scripts/check_install.py"], {}
    yield "swift-build", "command", 900, swift("build", "--build-tests"), {}
    yield "swift", "swift", 600, swift("test", "--skip-build"), {}
    for name in kernel_sets():
        yield f"swift-{name}", "swift", 600, swift("test", "--skip-build", "--filter", "Kernel|Conformance"), {
            "DENPA_KERNELS": name
        }
    for name in all_kernel_sets():
        yield f"swift-guard-{name}", "swift", 600, swift("test", "--skip-build", "--filter", "ConformanceTests"), {
            "DENPA_KERNELS": name, "DENPA_GUARD": "1"
        }


def run(name, kind, seconds, command, environment, logs=LOGS):
    """Runs one part; returns (passed, failed, seconds, remark)."""
    settings = dict(os.environ)
    settings.update(
        DENPA_LIBRARY=str(LIBRARY),
        PYTHONPATH=str(ROOT / "bindings" / "python"),
        PYTHONDONTWRITEBYTECODE="1",
        MPLBACKEND="Agg",
    )
    settings.update(environment)
    log = logs / f"{name}.log"
    started = time.monotonic()
    remark = ""
    with log.open("wb") as output:
        try:
            child = subprocess.Popen(
                command, cwd=ROOT, env=settings, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code = child.wait(timeout=seconds)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
                code, remark = 1, f"not finished after {seconds} s"
        except OSError as error:
            code, remark = 1, str(error)
    text = log.read_text(errors="replace")
    passed, failed = count(kind, text)
    if kind == "command" and code != 0:
        passed, failed = 0, 1
    if code != 0 and failed == 0:
        failed = 1
        remark = remark or (f"ended by signal {-code}" if code < 0 else f"exit code {code}")
    if passed + failed == 0:
        failed, remark = 1, "no test was run"
    return passed, failed, time.monotonic() - started, remark


def chosen(known, wanted):
    """Returns the parts whose names are wanted; prints an error and returns None if there are none."""
    if wanted:
        known = [part for part in known if any(part[0] == word or part[0].startswith(word + "-") for word in wanted)]
    if not known:
        print("no such part; --list shows them")
        return None
    return known


def run_all(known, logs=LOGS):
    """Runs parts and reports the result of each one; returns (passed, failed)."""
    logs.mkdir(parents=True, exist_ok=True)
    total_passed = total_failed = 0
    for part in known:
        passed, failed, seconds, remark = run(*part, logs=logs)
        total_passed += passed
        total_failed += failed
        print(f"{part[0]:24s} {passed:6d} passed {failed:4d} failed {seconds:7.1f} s  {remark}", flush=True)
        if failed:
            lines = (logs / f"{part[0]}.log").read_text(errors="replace").splitlines()
            marked = [line for line in lines if re.search(r"\b(FAIL|FAILED|error:|Error)\b|recorded an issue", line)]
            for line in (marked or lines)[-25:]:
                print("    " + line[:300])
            print(f"    (all of it: {logs.relative_to(ROOT)}/{part[0]}.log)", flush=True)
    return total_passed, total_failed


def finish(passed, failed, started):
    """Prints the last lines; returns the exit code."""
    print(f"in {time.monotonic() - started:.0f} s")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def main():
    wanted = sys.argv[1:]
    known = list(parts())
    if "--list" in wanted:
        print("\n".join(part[0] for part in known))
        return 0
    known = chosen(known, wanted)
    if known is None:
        return 2
    started = time.monotonic()
    return finish(*run_all(known), started)


if __name__ == "__main__":
    sys.exit(main())
