"""Shared by the check_*.py scripts: paths, commands, and counting."""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "build" / "libdenpa.so.0"

_passed = 0
_failed = 0


def check(name, problems):
    """Counts one test. It passes if `problems` is True or an empty list; otherwise `problems` is False or a
    list of messages."""
    global _passed, _failed
    if problems is True or problems == []:
        _passed += 1
        print(f"ok    {name}")
        return
    _failed += 1
    print(f"FAIL  {name}")
    for problem in [] if problems is False else problems[:40]:
        print(f"      FAIL: {problem}")


def output(*command, **options):
    """Returns the output of a command; ends the script if the command fails."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", **options)
    if done.returncode != 0:
        raise SystemExit(f"FAIL: {' '.join(map(str, command))}: {done.stdout}{done.stderr}")
    return done.stdout


def tracked(*patterns):
    """Returns the paths of the project's files (tracked, or new and not ignored)."""
    names = output("git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns).splitlines()
    return [ROOT / name for name in names if (ROOT / name).is_file() and not (ROOT / name).is_symlink()]


def finish():
    print(f"{_passed} passed, {_failed} failed")
    sys.exit(1 if _failed else 0)
