#!/usr/bin/env python3
"""Checks the built library: its exports, its dependencies, its size, which sections are writable, and where
its wide instructions are."""

import re

from check_headers import declared
from checks import LIBRARY, ROOT, check, finish, output

OBJECTS = ROOT / ".build" / "release"
UNSTRIPPED = OBJECTS / "libdenpa.so"
LARGEST = 8_000_000
# libm, libpthread and libdl are part of libc.so.6 in newer C libraries, and separate files in older ones.
NEEDED = {"libc.so.6", "libm.so.6", "libstdc++.so.6", "libgcc_s.so.1", "libpthread.so.0", "libdl.so.2"}
# The newest symbols that the library may need. They determine the oldest systems that it runs on: glibc 2.34
# (which has libpthread and libdl in libc.so.6) and libstdc++ of GCC 11.
NEWEST = {"GLIBC": (2, 34), "GLIBCXX": (3, 4, 29), "CXXABI": (1, 3, 11), "GCC": (3, 3)}
# Sections that only the dynamic linker writes to, and sections that nothing writes to.
FILLED_IN = {".got", ".got.plt", ".data.rel.ro", ".init_array", ".fini_array"}
CONSTANT = re.compile(r"^(\.rodata|\.eh_frame|swift5_|\.dynsym|\.dynstr|\.rela|\.gnu)")
PAGE = 4096
LOADER = re.compile(r"^ld-linux.*\.so\.\d$")
# Instructions that not every x86-64 CPU has: all of AVX, FMA and AVX-512 begin with v; the others are BMI's.
WIDE = re.compile(
    r"^(v(?!err|erw)[a-z]|shlx|shrx|sarx|andn\b|rorx|mulx|bextr|pdep\b|pext\b|blsr|blsi|blsmsk|k(and|or|mov|not|xor)[bwdq])")
KERNELS = re.compile(r"^DenpaKernels(AVX2|AVX512)?F(32|64)\.build$")
OTHERS = re.compile(r"^(\w*Tests|Peak|product_benchmark)\.build$")  # not in the library
WIDE_KERNELS = re.compile(r"^DenpaKernels(AVX2|AVX512)F(32|64)\.build$")


def objects():
    """Yields (folder name, object file) for everything that was compiled for the release library."""
    for path in sorted(OBJECTS.glob("*.build/**/*.o")):
        folder = path.relative_to(OBJECTS).parts[0]
        # A folder may be left over from a module that has been renamed.
        if not OTHERS.match(folder) and (ROOT / "Sources" / folder.removesuffix(".build")).exists():
            yield folder, path


def defined_functions(path):
    """Yields (name, letter) of the functions that an object defines."""
    for line in output("nm", "--defined-only", path).splitlines():
        fields = line.split()
        if len(fields) == 3 and fields[1] in "tTWw":
            yield fields[2], fields[1]


def mangled(folder):
    """Returns a module's name as it appears in the names of its functions: 15DenpaKernelsF32."""
    module = folder[:-len(".build")]
    return f"{len(module)}{module}"


def wide_functions(path):
    """Returns the names of the functions that contain a wide instruction, with the first one of each."""
    name, found = "?", {}
    for line in output("objdump", "-d", "--no-show-raw-insn", path).splitlines():
        if line.endswith(">:"):
            name = line[line.index("<") + 1:-2]
        elif name not in found and WIDE.match(line.split("\t")[-1]):
            found[name] = line.split("\t")[-1].strip()
    return found


def too_new():
    """Yields the symbols that systems older than those of NEWEST do not have."""
    for line in output("objdump", "-T", LIBRARY).splitlines():
        found = re.search(r"\*UND\*.*\s\(?([A-Z]+)_([\d.]+)\)?\s+(\S+)$", line)
        if found and tuple(map(int, found[2].split("."))) > NEWEST.get(found[1], ()):
            yield f"{found[3]} needs {found[1]}_{found[2]}"


def version_node():
    """Returns the version name of the exported functions: DENPA_0.1, as long as the version is 0.1."""
    version = re.search(r'#define DENPA_VERSION "(\d+\.\d+)', (ROOT / "include" / "denpa.h").read_text())[1]
    return f"DENPA_{version}"


def check_memory(dynamic):
    """Checks which parts of the loaded library are writable and executable."""
    headers = output("readelf", "-lW", LIBRARY)
    loaded = [line.split(maxsplit=6) for line in headers.splitlines() if line.startswith("  LOAD")]
    flags = [fields[6].rsplit(maxsplit=1)[0] for fields in loaded]
    check("no segment is writable and executable", not [f for f in flags if "W" in f and "E" in f])
    check("code is in one segment with pages of its own (-z separate-code)",
          [int(fields[1], 16) % PAGE for fields, f in zip(loaded, flags) if "E" in f] == [0])
    check("symbols are bound when the library is loaded (-z now)", "BIND_NOW" in dynamic)
    sections = re.findall(r"\] (\S+) +\w+ +(\w+) \w+ (\w+) +\w+ +([A-Za-z]*) ", output("readelf", "-SW", LIBRARY))
    constant = [(name, letters) for name, _, _, letters in sections if CONSTANT.match(name)]
    check("the library has constants", ".rodata" in dict(constant))
    check("no constant is writable (Sources/CShim/sections.ld)", [name for name, letters in constant if "W" in letters])
    relro = [line.split() for line in headers.splitlines() if line.startswith("  GNU_RELRO")]
    begin, size = (int(relro[0][2], 16), int(relro[0][5], 16)) if relro else (0, 0)
    filled = [(name, int(address, 16)) for name, address, _, _ in sections if name in FILLED_IN]
    check("what the dynamic linker fills in is read-only afterwards (-z relro)",
          [name for name, address in filled if not begin <= address < begin + size] if filled else False)


def main():
    header = set(declared())
    exported, unversioned = {}, []
    for line in output("nm", "-D", "--defined-only", LIBRARY).splitlines():
        address, letter, name = line.split()
        exported[name.split("@")[0]] = letter
        if letter != "A" and not name.endswith(f"@@{version_node()}"):
            unversioned.append(name)
    functions = {name for name, letter in exported.items() if letter in "TtWi"}
    versions = {name for name, letter in exported.items() if letter == "A"}
    check("every function of denpa.h is exported", sorted(header - functions))
    check("nothing else is exported", sorted(set(exported) - header - versions))
    check(f"every export has the version {version_node()}", unversioned)
    check("no export is weak", sorted(n for n, letter in exported.items() if letter in "WwVv"))

    dynamic = output("readelf", "-d", LIBRARY)
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)
    check("needs libc, libm and libstdc++ only", [n for n in needed if n not in NEEDED and not LOADER.match(n)])
    check("needs no newer symbols than " + ", ".join(f"{k}_{'.'.join(map(str, v))}" for k, v in NEWEST.items()), list(too_new()))
    check("SONAME is libdenpa.so.0", "Library soname: [libdenpa.so.0]" in dynamic)
    check("stays loaded (-z nodelete)", "NODELETE" in dynamic)
    check("has no run path", [line for line in dynamic.splitlines() if "RPATH" in line or "RUNPATH" in line])
    check("has no text relocations", "TEXTREL" not in dynamic)
    check("has no executable stack", not re.search(r"GNU_STACK\s.*\n?.*RWE", output("readelf", "-lW", LIBRARY)))
    check_memory(dynamic)
    size = LIBRARY.stat().st_size
    check(f"is at most {LARGEST:,} bytes (has {size:,})", size <= LARGEST)

    built = list(objects())
    check("objects of the kernels are there", len([1 for folder, _ in built if KERNELS.match(folder)]) >= 1)
    # The linker keeps one copy of a weak function for all callers. Swift also makes private functions weak,
    # but their names contain the name of their module. Any other weak function (a generic of the standard
    # library, for example) could run AVX-512 code on any machine.
    weak = [f"{folder}: {name}" for folder, path in built if KERNELS.match(folder)
            for name, letter in defined_functions(path) if letter in "Ww" and mangled(folder) not in name]
    check("no kernel object defines a weak function that another may define", weak)
    if "x86-64" not in output("readelf", "-h", LIBRARY) and "X86-64" not in output("readelf", "-h", LIBRARY):
        finish()
    allowed, wide_in, narrow_in = set(), {}, {}
    for folder, path in built:
        found = wide_functions(path)
        if WIDE_KERNELS.match(folder):
            allowed |= {name for name, _ in defined_functions(path)}
            wide_in[folder] = wide_in.get(folder, 0) + len(found)
        else:
            narrow_in.setdefault(folder, []).extend(f"{path.name}: {name}: {line}" for name, line in found.items())
    for folder, number in sorted(wide_in.items()):
        check(f"{folder} has wide instructions", number > 0)
    for folder, found in sorted(narrow_in.items()):
        check(f"{folder} has no wide instruction", found)
    check("libdenpa.so has wide instructions in the AVX kernels only",
          [f"{name}: {line}" for name, line in wide_functions(UNSTRIPPED).items() if name not in allowed])
    finish()


if __name__ == "__main__":
    main()
