#!/usr/bin/env python3
"""Checks rules for the sources: checked exports, no paths of one machine, short files, formatted Swift, and
examples that are run."""

import re
import subprocess

from checks import ROOT, check, finish, tracked

LONGEST = 400
WIDEST = 110  # of headers and documents; swift-format and ruff check the rest
# Files that may be longer, each with its reason.
LONG = {
    "include/denpa.h": "one header is the manual",
    "CHANGELOG.md": "grows with each version",
    "bindings/python/denpa/_abi.py": "generated from the headers",
}
TEXT = {".swift", ".h", ".c", ".cpp", ".py", ".sh", ".md", ".toml", ".txt", ".cmake", ".in", ".json", ".yml", ".map", ""}
# Split, so that this file does not name them.
PLACES = re.compile("|".join([
    r"/ro" r"ot/", r"/ho" r"me/[a-z]", r"/wo" r"rk/", r"/op" r"t/swift", r"/Us" r"ers/", r"py" r"pi\.org",
    r"python" r"hosted\.org", r"deb\.deb" r"ian\.org", r"registry\.np" r"mjs", r"\.\./sha" r"red",
]))


def name_of(path):
    return str(path.relative_to(ROOT))


def unchecked_exports():
    """Yields each plain @_cdecl: the compiler compares it with the header only beside `@implementation`."""
    for path in tracked("Sources/*.swift"):
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines):
            if "@_cdecl" in line and not line.lstrip().startswith("//"):
                around = " ".join(lines[max(number - 1, 0):number + 2])
                if "@implementation" not in around:
                    yield f"{name_of(path)}:{number + 1}: {line.strip()}"


def exports_elsewhere():
    for path in tracked("Sources/*.swift"):
        if path.relative_to(ROOT).parts[1] != "Denpa" and "@_cdecl" in path.read_text():
            yield name_of(path)


def texts():
    for path in tracked():
        if path.suffix in TEXT and path.stat().st_size < 2_000_000:
            try:
                yield path, path.read_text()
            except UnicodeDecodeError:
                continue


def examples_not_run():
    """Yields examples that no test or script names (Tests/python/test_examples.py names those in Python)."""
    readers = "\n".join(p.read_text() for p in tracked("Makefile", "scripts/*", "Tests/*.py", "Tests/*.sh"))
    for path in tracked("examples/*"):
        if path.suffix in {".c", ".cpp", ".swift", ".py"}:
            if not re.search(rf"\b{re.escape(path.stem)}\b", readers):
                yield name_of(path)


def main():
    check("each @_cdecl has @implementation", list(unchecked_exports()))
    check("@_cdecl is in Sources/Denpa alone", list(exports_elsewhere()))
    long, wide, places, endings = [], [], [], []
    for path, text in texts():
        lines = text.splitlines()
        if len(lines) > LONGEST and path.suffix in {".swift", ".c", ".h", ".py", ".sh"} and name_of(path) not in LONG:
            long.append(f"{name_of(path)} has {len(lines)} lines")
        is_code = False
        for number, line in enumerate(lines):
            is_code ^= line.lstrip().startswith("```")
            is_text = path.suffix == ".md" and not is_code and not line.startswith("|") and "](" not in line
            if len(line) > WIDEST and (is_text or name_of(path).startswith("include/")):
                wide.append(f"{name_of(path)}:{number + 1} has {len(line)} columns")
            if PLACES.search(line):
                places.append(f"{name_of(path)}:{number + 1}: {line.strip()[:120]}")
        if text and not text.endswith("\n") or "\r\n" in text:
            endings.append(name_of(path))
    check(f"no source file has more than {LONGEST} lines", long)
    check(f"no line of a header or document has more than {WIDEST} columns", wide)
    check("no file names a path of one machine or a registry's host", places)
    check("every text file ends with one newline, without carriage returns", endings)
    check("every example is run by a test", list(examples_not_run()))
    done = subprocess.run(
        ["make", "-s", "lint"], cwd=ROOT, capture_output=True, text=True, errors="replace")
    check("swift-format lint --strict is silent",
          [] if done.returncode == 0 else (done.stdout + done.stderr).splitlines() or False)
    finish()


if __name__ == "__main__":
    main()
