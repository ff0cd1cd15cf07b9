#!/usr/bin/env python3
"""Checks that each header compiles alone as C11, C17, C++17 and C++20, without a warning and without linking
anything, and that scripts can read the declarations of functions."""

import re
import subprocess
import tempfile

from checks import ROOT, check, finish

STRICT = ["-Wall", "-Wextra", "-Werror", "-pedantic-errors", "-Wshadow", "-Wstrict-prototypes"]
LANGUAGES = {
    "C11": ["cc", "-std=c11", "-x", "c"] + STRICT,
    "C17": ["cc", "-std=c17", "-x", "c"] + STRICT,
    "C++17": ["c++", "-std=c++17", "-x", "c++"] + [f for f in STRICT if f != "-Wstrict-prototypes"],
    "C++20": ["c++", "-std=c++20", "-x", "c++"] + [f for f in STRICT if f != "-Wstrict-prototypes"],
}


def declared():
    """Returns the functions that include/denpa.h declares (except static inline ones)."""
    text = (ROOT / "include" / "denpa.h").read_text()
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    text = re.sub(r"^\s*#.*?(?<!\\)$", "", text, flags=re.M)
    text = re.sub(r"static inline.*?\n}", "", text, flags=re.S)
    text = re.sub(r"typedef[^;{]*\{.*?\}[^;]*;|typedef[^;]*;", "", text, flags=re.S)
    return sorted(set(re.findall(r"\b(denpa_[a-z0-9_]+)\s*\(", text)))


def main():
    for header in sorted((ROOT / "include").glob("*.h")):
        for language, command in LANGUAGES.items():
            with tempfile.TemporaryDirectory() as folder:
                source = f'#include "{header.name}"\n#include "{header.name}"\nextern int denpa_nothing;\n'
                done = subprocess.run(
                    command + ["-I", str(ROOT / "include"), "-c", "-", "-o", f"{folder}/h.o"], input=source, text=True,
                    capture_output=True)
                check(f"{header.name} compiles alone as {language}",
                      [] if done.returncode == 0 else done.stderr.splitlines())
                symbols = subprocess.run(["nm", "-u", f"{folder}/h.o"], text=True, capture_output=True).stdout.split()
                check(f"{header.name} links nothing as {language}", [s for s in symbols if "denpa" in s])
    # A list of attributes that would be destroyed before it is used does not compile.
    for line, good in {
        "options.optimizer.attributes = DENPA_ATTRIBUTES(denpa_int(\"a\", 1));": False,
        "denpa_loss loss = denpa_loss_on(0, \"l\", DENPA_ATTRIBUTES(denpa_int(\"a\", 1))); (void)loss;": False,
        "denpa_attribute a = denpa_nested(\"a\", \"b\", DENPA_ATTRIBUTES(denpa_int(\"a\", 1))); (void)a;": False,
        "const denpa::attributes a = DENPA_ATTRIBUTES(denpa_int(\"a\", 1)); options.optimizer.attributes = a;": True,
    }.items():
        source = f'#include "denpa.h"\nvoid f(denpa_trainer_options &options);\n' \
                 f"void f(denpa_trainer_options &options) {{ {line} }}\n"
        done = subprocess.run(
            LANGUAGES["C++17"] + ["-Wno-error", "-I", str(ROOT / "include"), "-fsyntax-only", "-"], input=source,
            text=True, capture_output=True)
        check(f"{'compiles' if good else 'does not compile'}: {line}", (done.returncode == 0) == good)
    check("denpa.h declares functions", len(declared()) > 40)
    finish()


if __name__ == "__main__":
    main()
