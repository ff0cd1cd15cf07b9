#!/usr/bin/env python3
"""Builds the library with sanitizers and runs tests on it.

usage: scripts/sanitize.py [address] [thread] [--list] [PART ...]   (make sanitize PARTS="thread c")

"address" is AddressSanitizer with leak detection, and UndefinedBehaviorSanitizer for C code (including
headers that Swift imports); "thread" is ThreadSanitizer. If neither is given, both run. There are no
suppressions. The library is linked with Swift's static standard library, as usual; its wrapped allocator
calls the sanitizer's.

The C tests are compiled with the toolchain's clang and the same sanitizer; Python loads the sanitizer's
runtime with LD_PRELOAD. Each report of a process is a file in build/sanitize-logs/SANITIZER/reports, and a
failure of its part. The last line is "N passed, N failed".

DENPA_SANITIZE_FILES is the number of mutated files, 100000 if it is not set.
DENPA_SANITIZE_COMMANDS contains more commands, one per line, which run in the environment of Python's tests
(PYTHON is the interpreter), for example campaigns of random networks.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

from test import LIBRARY, PYTHON, ROOT, chosen, finish, kernel_sets, run_all

LOGS = ROOT / "build" / "sanitize-logs"
# More commands for the environment of Python's tests: (name, seconds, command).
CAMPAIGNS = [
    ("networks", 7200, [PYTHON, "-m", "networks", "--count", "1000"]),
    ("calls", 3600, [PYTHON, "-m", "calls", "--count", "1200"]),
    ("files", 14400, [PYTHON, "-m", "files", "--count", os.environ.get("DENPA_SANITIZE_FILES", "100000")]),
]
RANDOM_CALLS = "100000"
# The library turns a failed allocation into a status, so the sanitizer must not abort.
NO_ABORT = "allocator_may_return_null=1 max_allocation_size_mb=65536"
# A file that contains a line like these is a report.
REPORT = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:")


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def toolchain():
    """Returns (clang, the folder of Swift's shared libraries) of the swiftc on the PATH."""
    info = json.loads(output("swiftc", "-print-target-info"))
    folder = pathlib.Path(shutil.which("swiftc")).resolve().parent
    return folder / "clang", pathlib.Path(info["paths"]["runtimeLibraryPaths"][0])


class Sanitizer:
    def __init__(self, name):
        self.name = name
        self.clang, swift = toolchain()
        self.folder = ROOT / "build" / "sanitize" / name
        self.logs = LOGS / name
        self.reports = self.logs / "reports"
        self.library = self.folder / LIBRARY.name
        self.short = {"address": "asan", "thread": "tsan"}[name]
        self.runtime = [
            output(self.clang, f"-print-file-name=libclang_rt.{self.short}-{os.uname().machine}.so")
        ]
        self.link = []
        if name == "thread":
            # The ThreadSanitizer runtime of Swift's clang requires libdispatch.
            needed = [swift / "libBlocksRuntime.so", swift / "libdispatch.so"]
            self.link = [*needed, f"-Wl,-rpath,{swift}"]
            self.runtime = [*self.runtime, *needed]

    @property
    def others(self):
        # Polars has an allocator of its own: importing it ends a process under ThreadSanitizer.
        return f"{OTHERS} and not polars" if self.name == "thread" else OTHERS

    @property
    def flags(self):
        return ["-fsanitize=address,undefined"] if self.name == "address" else ["-fsanitize=thread"]

    def environment(self, leaks):
        report = f"log_path={self.reports}/report"
        if self.name == "thread":
            # Tests fork while threads are running, and the children create threads.
            return {"TSAN_OPTIONS": f"{report} {NO_ABORT} die_after_fork=0 second_deadlock_stack=1"}
        return {
            "ASAN_OPTIONS": f"{report} {NO_ABORT} detect_leaks={int(leaks)}",
            "UBSAN_OPTIONS": f"{report} print_stacktrace=1",
        }

    def build(self):
        """Returns the command that builds the library; links its products to the folder of the tests."""
        scratch = f".build/{self.short}"
        # Also for the C code that Swift imports. For Swift's lazy globals see Sources/CShim/SwiftRuntime.c.
        more = {"address": ["-Xcc", "-fsanitize=undefined"], "thread": ["-Xlinker", "--wrap=swift_once"]}[
            self.name
        ]
        options = ["--sanitize", self.name, *more]
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in (LIBRARY.name, "libdenpa.so"):
            link = self.folder / name
            link.unlink(missing_ok=True)
            link.symlink_to(ROOT / scratch / "release" / "libdenpa.so")
        return [
            "swift",
            "build",
            "-c",
            "release",
            "--product",
            "denpa",
            "--disable-local-rpath",
            "--scratch-path",
            scratch,
            *options,
        ]

    @property
    def c_tests(self):
        return [source for source in c_tests() if source.stem not in LEFT_OUT_PROGRAMS[self.name]]

    def compiled(self):
        """Returns the command that compiles the C tests."""
        common = [
            self.clang,
            "-std=c11",
            "-D_GNU_SOURCE",
            "-DSECONDS_PER_TEST=900",  # failing each allocation in turn takes several minutes here
            "-g",
            "-O1",
            "-fno-omit-frame-pointer",
            "-fuse-ld=lld",
            *self.flags,
            "-Iinclude",
        ]
        link = [
            f"-L{self.folder}",
            "-ldenpa",
            "-lm",
            "-pthread",
            "-ldl",
            f"-Wl,-rpath,{self.folder}",
            *self.link,
        ]
        lines = [
            " ".join(map(str, [*common, source, "-o", self.folder / source.stem, *link]))
            for source in self.c_tests
        ]
        return ["bash", "-ec", "\n".join(lines)]

    def parts(self):
        """Yields the parts, like parts() in test.py."""
        yield (
            f"{self.name}-build",
            "command",
            1800,
            self.build(),
            {"DENPA_STDLIB": str(ROOT / "build" / "swift")},
        )
        yield f"{self.name}-compile", "command", 300, self.compiled(), {}
        settings = {"DENPA_LIBRARY": str(self.library), "DENPA_RANDOM_CALLS": RANDOM_CALLS}
        here = {**settings, **self.environment(leaks=True)}
        for source in self.c_tests:
            program = f"build/sanitize/{self.name}/{source.stem}"
            left_out = LEFT_OUT[self.name].get(source.stem)
            command = (
                ["bash", "-c", f"{program} $({program} --list | grep -vx {left_out})"]
                if left_out
                else [program]
            )
            yield f"{self.name}-c-{source.stem}", "plain", 900, command, here
        for kernels in kernel_sets():
            for name in ("values", "training", "strides"):
                yield (
                    f"{self.name}-c-{name}-{kernels}",
                    "plain",
                    300,
                    [f"build/sanitize/{self.name}/{name}"],
                    {**here, "DENPA_KERNELS": kernels},
                )
        # Python and NumPy do not free all their memory, so leaks are not detected.
        python = {
            **settings,
            **self.environment(leaks=False),
            "LD_PRELOAD": ":".join(map(str, self.runtime)),
            "PYTHON": PYTHON,
            "PYTHONPATH": f"{ROOT / 'Tests' / 'campaigns'}:{ROOT / 'bindings' / 'python'}",
        }
        pytest = [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        yield f"{self.name}-python", "pytest", 1800, [*pytest, "Tests/python", "-k", self.others], python
        yield f"{self.name}-plugins", "pytest", 1800, [*pytest, "Tests/plugins", "-k", OTHERS], python
        extra = [line for line in os.environ.get("DENPA_SANITIZE_COMMANDS", "").splitlines() if line.strip()]
        campaigns = CAMPAIGNS + [
            (f"command-{n}", 3600, ["bash", "-c", line]) for n, line in enumerate(extra, start=1)
        ]
        for name, seconds, command in campaigns:
            yield f"{self.name}-{name}", "command", seconds, command, python

    def run(self, parts):
        """Runs parts; returns (passed, failed). A report is a failure, whatever the exit code."""
        shutil.rmtree(self.reports, ignore_errors=True)
        self.reports.mkdir(parents=True)
        passed = failed = 0
        for part in parts:
            before = set(self.reports.iterdir())
            good, bad = run_all([part], self.logs)
            found = 0
            for report in sorted(set(self.reports.iterdir()) - before):
                line = next(
                    (line for line in report.read_text(errors="replace").splitlines() if REPORT.search(line)),
                    None,
                )
                if line is None:
                    report.unlink()  # only a remark: a failed allocation, a thread left behind by a fork
                    continue
                found += 1
                print(f"    {report.relative_to(ROOT)}: {line[:200]}", flush=True)
            passed, failed = passed + good, failed + max(bad, found)
        return passed, failed


# C tests that the sanitizer itself breaks: ThreadSanitizer has its own thread, and makes system calls.
LEFT_OUT = {
    "address": {},
    "thread": {"process": "loading_starts_no_thread", "memory": "real_time_makes_no_system_call"},
}
# C programs that are left out as a whole: ThreadSanitizer delays the signals that failing_calls is made of.
LEFT_OUT_PROGRAMS = {"address": set(), "thread": {"failing_calls"}}
# Python tests that are excluded because they say nothing about the library here: those of memory use, of
# compilers and programs that Python starts (which would need the sanitizer's runtime), and of types.
OTHERS = "not test_memory and not test_from_c and not templates and not types_hold and not is_typed"


def c_tests():
    return sorted((ROOT / "Tests" / "c").glob("*.c"))


def main():
    words = sys.argv[1:]
    names = [name for name in ("address", "thread") if name in words] or ["address", "thread"]
    wanted = [word for word in words if word not in ("address", "thread", "--list")]
    passed = failed = 0
    started = time.monotonic()
    for name in names:
        sanitizer = Sanitizer(name)
        known = list(sanitizer.parts())
        if "--list" in words:
            print("\n".join(part[0] for part in known))
            continue
        known = chosen(known, [f"{name}-{word}" for word in wanted])
        if known is None:
            return 2
        good, bad = sanitizer.run(known)
        passed, failed = passed + good, failed + bad
    return 0 if "--list" in words else finish(passed, failed, started)


if __name__ == "__main__":
    sys.exit(main())
