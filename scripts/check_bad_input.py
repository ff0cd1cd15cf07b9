#!/usr/bin/env python3
"""Checks that the tables of invalid input (Tests/c/bad_*.c) have rows for every exported function."""

from checks import LIBRARY, ROOT, check, finish, output

exported = {line.split()[-1].split("@")[0] for line in output("nm", "-D", "--defined-only", LIBRARY).splitlines()}
covered = set()
for source in sorted((ROOT / "Tests" / "c").glob("bad_*.c")):
    covered |= set(output(ROOT / "build" / "tests" / "c" / source.stem, "--list").split())
for name in sorted(n for n in exported if n.startswith("denpa_")):
    check(f"{name} has rows", name in covered)
check("no rows for what is not exported", sorted(covered - exported))
finish()
