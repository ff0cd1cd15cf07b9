#!/usr/bin/env python3
"""Lets the linker drop the parts of Swift's standard library that Denpa does not use.

    prune_stdlib.py FOLDER

The toolchain's static standard library is one object, and its module for the C library another. Their public
functions and data are marked with SHF_GNU_RETAIN, so that --gc-sections keeps all of them for code that might
be loaded later and need them. No other code can need them from Denpa, which exports nothing of Swift. This
script writes these objects to FOLDER without the mark. The runtime's tables (swift5_...), which are found by
the names of their sections and not by references, keep it.

The module for the C library would add Swift's variants of all of <math.h>, and with them the newest symbols
of the machine that builds: hypotf alone made the library require glibc 2.35.

The debug descriptions of the library's own types (SIMD vectors, key paths, iterators ...), which their
protocol conformances keep and nothing in Denpa asks for, become one: that of Bool. These are 0.2 MB.

The unwind tables are removed as well: nothing reads these 0.4 MB, because no exception passes through the
standard library. (Debuggers follow its frame pointers.)
"""

import json
import pathlib
import struct
import subprocess
import sys

OBJECTS = {"Swift.o": "libswiftCore.a", "Glibc.o": "libswiftGlibc.a"}  # object: the archive that contains it
SHF_GNU_RETAIN = 0x200000  # GNU extension of the ELF ABI: kept even if nothing refers to it
SHF_EXCLUDE = 0x80000000  # GNU extension of the ELF ABI: the linker omits the section
UNWIND = b".eh_frame\0"
PRUNED = (b".text.", b".rodata.", b".data.", b".data.rel.ro.")  # one function or variable each

# Getters of debug descriptions end so; those of strings are kept, which messages may quote.
DESCRIPTION = b"16debugDescriptionSSvg"
KEPT = (b"$sSS16debugDescriptionSSvg", b"$sSs16debugDescriptionSSvg")
# The description that stands for the others: any value may be passed to it.
COMMON = b"$sSb11descriptionSSvg"

# ELF64: the fields of the header that locate the section table, and the fields of a section header. If there
# are more than 65,279 sections, the numbers that do not fit into the header are in the header of the first
# section.
HEADER = struct.Struct("<40xQ10xHHH")
SECTION = struct.Struct("<IIQQQQIIQQ")
SYMBOL = struct.Struct("<IBBHQQ")
SHT_SYMTAB, SHT_SYMTAB_SHNDX = 2, 18
MAGIC = b"\x7fELF\x02\x01"  # 64 bits, little-endian
SHN_XINDEX = 0xFFFF


def archives():
    """Returns the folder of the toolchain's static libraries."""
    told = subprocess.run(["swiftc", "-print-target-info", "-static-stdlib"], check=True, capture_output=True, text=True)
    info = json.loads(told.stdout)
    return pathlib.Path(info["paths"]["runtimeLibraryPaths"][0])


def prune(image):
    """Removes the mark from the sections of functions and data, and excludes the unwind tables."""
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


def share_descriptions(image):
    """Makes the symbols of debug descriptions names of one function, so that the others are unused."""
    table, size, count, _ = HEADER.unpack_from(image)
    sections = [SECTION.unpack_from(image, table + i * size) for i in range(count or SECTION.unpack_from(image, table)[5])]
    symbols = next(s for s in sections if s[1] == SHT_SYMTAB)
    extended = next((s[4] for s in sections if s[1] == SHT_SYMTAB_SHNDX), None)
    strings, names = sections[symbols[6]][4:6]
    texts = bytes(image[strings : strings + names])
    found, common = [], None
    for number in range(symbols[5] // SYMBOL.size):
        start = SYMBOL.unpack_from(image, symbols[4] + number * SYMBOL.size)[0]
        name = texts[start : texts.index(b"\0", start)]
        if name == COMMON:
            common = number
        elif name.startswith(b"$s") and name.endswith(DESCRIPTION) and name not in KEPT:
            found.append(number)
    if common is None:
        return
    _, _, _, *place = SYMBOL.unpack_from(image, symbols[4] + common * SYMBOL.size)
    for number in found:
        offset = symbols[4] + number * SYMBOL.size
        name, info, other, section, *_ = SYMBOL.unpack_from(image, offset)
        if section == 0:
            continue  # defined elsewhere
        SYMBOL.pack_into(image, offset, name, info, other, *place)
        if extended is not None:
            index = image[extended + common * 4 : extended + common * 4 + 4]
            image[extended + number * 4 : extended + number * 4 + 4] = index


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for member, archive in OBJECTS.items():
        command = ["ar", "p", archives() / archive, member]
        image = bytearray(subprocess.run(command, check=True, capture_output=True).stdout)
        prune(image)
        share_descriptions(image)
        (folder / member).write_bytes(image)


if __name__ == "__main__":
    main()
