#!/usr/bin/env python3
"""Lets the linker drop what the library does not use of Swift's standard library.

    prune_stdlib.py FOLDER

The toolchain's static standard library is one object, and its module for the C library another, whose public functions
and data are marked with SHF_GNU_RETAIN, so that --gc-sections keeps every one of them, for code that might be loaded later
and want it. Nothing can want it of Denpa, which exports nothing of Swift's. This writes these objects to FOLDER without the
mark. The runtime's tables (swift5_...), which are found by their sections' names and not by references, keep it.

The module for the C library would bring Swift's forms of all of <math.h>, and with them the newest symbols of the machine
that builds: hypotf alone made the library need glibc 2.35.

The unwind tables are left out, too: 0.4 MB that nothing reads, because no exception passes through the standard library.
(Debuggers follow its frame pointers.)
"""

import json
import pathlib
import struct
import subprocess
import sys

OBJECTS = {"Swift.o": "libswiftCore.a", "Glibc.o": "libswiftGlibc.a"}  # and the archive that each is in
SHF_GNU_RETAIN = 0x200000  # "Generic ABI, extensions of GNU": not garbage even where nothing refers to it
SHF_EXCLUDE = 0x80000000  # "Generic ABI, extensions of GNU": the linker leaves the section out
UNWIND = b".eh_frame\0"
PRUNED = (b".text.", b".rodata.", b".data.", b".data.rel.ro.")  # one function or variable each

# ELF64: where the header has the section table, and a section header's fields. One section beyond 65,279 and the numbers
# that do not fit into the header stand in the first section's header.
HEADER = struct.Struct("<40xQ10xHHH")
SECTION = struct.Struct("<IIQQQQIIQQ")
MAGIC = b"\x7fELF\x02\x01"  # 64 bits, little-endian
SHN_XINDEX = 0xFFFF


def archives():
    """The folder with the toolchain's static libraries."""
    told = subprocess.run(["swiftc", "-print-target-info", "-static-stdlib"], check=True, capture_output=True, text=True)
    info = json.loads(told.stdout)
    return pathlib.Path(info["paths"]["runtimeLibraryPaths"][0])


def prune(image):
    """Takes the mark away from the sections of functions and data, and excludes the unwind tables."""
    if not image.startswith(MAGIC):
        raise SystemExit("prune_stdlib: the standard library has no ELF objects of 64 bits, little-endian")
    table, size, count, names = HEADER.unpack_from(image)
    first = SECTION.unpack_from(image, table)
    count = count or first[5]
    names = first[6] if names == SHN_XINDEX else names
    strings = SECTION.unpack_from(image, table + names * size)[4]
    for offset in range(table, table + count * size, size):
        name, kind, flags, *rest = SECTION.unpack_from(image, offset)
        if flags & SHF_GNU_RETAIN and image.startswith(PRUNED, strings + name):
            SECTION.pack_into(image, offset, name, kind, flags & ~SHF_GNU_RETAIN, *rest)
        elif image.startswith(UNWIND, strings + name):
            SECTION.pack_into(image, offset, name, kind, flags | SHF_EXCLUDE, *rest)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for member, archive in OBJECTS.items():
        command = ["ar", "p", archives() / archive, member]
        image = bytearray(subprocess.run(command, check=True, capture_output=True).stdout)
        prune(image)
        (folder / member).write_bytes(image)


if __name__ == "__main__":
    main()
