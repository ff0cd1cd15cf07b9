#!/usr/bin/env python3
"""Runs clients under ThreadSanitizer and valgrind: with the installed suppressions they get no report about
the library, and still get their own."""

import os
import pathlib
import shutil
import subprocess
import tempfile

from checks import LIBRARY, ROOT, check, finish

TSAN = ROOT / "suppressions" / "denpa.tsan.supp"
VALGRIND = ROOT / "suppressions" / "denpa.valgrind.supp"
SOURCE = ROOT / "Tests" / "clients" / "client.c"
REPORTED = 66


def run(command, **environment):
    """Runs a command; returns (exit code, lines)."""
    variables = {**os.environ, **environment}
    done = subprocess.run(
        [str(c) for c in command],
        env=variables,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=240,
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()


def check_run(name, command, wanted=0, **environment):
    code, lines = run(command, **environment)
    check(
        name,
        []
        if code == wanted and any("done: " in line for line in lines)
        else [f"exit code {code}"] + lines[:30],
    )


def compiled(folder, *flags):
    target = pathlib.Path(folder) / "client"
    code, lines = run(
        [
            "cc",
            "-std=c11",
            "-D_GNU_SOURCE",
            "-O1",
            "-g",
            *flags,
            "-I",
            ROOT / "include",
            SOURCE,
            "-o",
            target,
            LIBRARY,
            f"-Wl,-rpath,{LIBRARY.parent}",
            "-lm",
            "-pthread",
        ]
    )
    check(f"client.c compiles {' '.join(flags)}", [] if code == 0 else lines)
    return target


def main():
    with tempfile.TemporaryDirectory() as folder:
        client = compiled(folder, "-fsanitize=thread")
        options = f"suppressions={TSAN} die_after_fork=0 exitcode={REPORTED}"
        check_run("a client sees no race under ThreadSanitizer", [client], TSAN_OPTIONS=options)
        check_run("but its own", [client, "race"], REPORTED, TSAN_OPTIONS=options)
        if shutil.which("valgrind"):
            client = compiled(folder)
            base = ["valgrind", "-q", f"--error-exitcode={REPORTED}", f"--suppressions={VALGRIND}"]
            check_run("it sees no error and no leak under memcheck", [*base, "--leak-check=full", client])
            helgrind = [*base, "--tool=helgrind", "--history-level=none", client]
            check_run("it sees no race under helgrind", helgrind)
            check_run("but its own", [*helgrind, "race"], REPORTED)
        else:
            print("left out: valgrind is not installed")
    finish()


if __name__ == "__main__":
    main()
