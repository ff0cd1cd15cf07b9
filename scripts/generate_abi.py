"""Writes bindings/python/denpa/_abi.py from include/denpa.h: python scripts/generate_abi.py [output].

The header is preprocessed by gcc (with two stub system headers, so that the machine's headers are not used),
parsed by pycparser, and written as ctypes: constants, structs, callbacks and functions with their exact
signatures. The comment above a declaration becomes its docstring; declarations without a blank line between
them share it.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from pycparser import c_ast, c_parser

ROOT = Path(__file__).resolve().parent.parent
INCLUDE = ROOT / "include"
OUTPUT = ROOT / "bindings" / "python" / "denpa" / "_abi.py"

STUBS = {
    "stddef.h": "#define NULL ((void *)0)\ntypedef unsigned long size_t;\n",
    "stdint.h": "typedef signed char int8_t; typedef unsigned char uint8_t; typedef int int32_t;"
    " typedef unsigned int uint32_t; typedef long long int64_t; typedef unsigned long long uint64_t;\n",
}
SCALARS = {
    "int": "c_int32",
    "char": "c_char",
    "double": "c_double",
    "int32_t": "c_int32",
    "uint32_t": "c_uint32",
    "int64_t": "c_int64",
    "uint64_t": "c_uint64",
    "uint8_t": "c_uint8",
    "size_t": "c_size_t",
}
PYTHON_TYPES = {"c_double": "float", "c_void_p": "Optional[int]", "c_char_p": "Optional[bytes]"}


def preprocess() -> str:
    """Returns the header after gcc -E, with line markers."""
    with tempfile.TemporaryDirectory() as stubs:
        for name, text in STUBS.items():
            Path(stubs, name).write_text(text)
        command = ["gcc", "-E", "-nostdinc", "-U__GNUC__", f"-I{stubs}", f"-I{INCLUDE}", str(INCLUDE / "denpa.h")]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def camel(name: str) -> str:
    """denpa_fit_options -> FitOptions"""
    return "".join(word.capitalize() for word in name.removeprefix("denpa_").split("_"))


class Comments:
    """The comment that belongs to a line of a header."""

    def __init__(self) -> None:
        self.lines: dict[str, list[str]] = {}

    def above(self, file: str, line: int) -> str:
        lines = self.lines.setdefault(file, Path(file).read_text().splitlines())
        at = line - 2
        while at >= 0 and lines[at].strip() and not lines[at].rstrip().endswith("*/"):
            at -= 1  # up through the declarations that share the comment
        if at < 0 or not lines[at].rstrip().endswith("*/") or not lines[at].lstrip().startswith(("/*", "*")):
            return ""
        end = at
        while not lines[at].lstrip().startswith("/*"):
            at -= 1
        if "====" in lines[at] or "----" in lines[at]:
            return ""
        return clean("\n".join(lines[at : end + 1]))


def clean(comment: str) -> str:
    """Returns the text of a comment, without its stars."""
    text = comment.strip().removeprefix("/*").removesuffix("*/")
    lines = [re.sub(r"^\s*\* ?", "", line).rstrip() for line in text.splitlines()]
    return "\n".join(line.strip() if i == 0 else line for i, line in enumerate(lines)).strip()


class Header:
    """Everything declared in denpa.h and what it includes."""

    def __init__(self) -> None:
        self.comments = Comments()
        self.constants: dict[str, str] = {}
        self.scalars: dict[str, str] = {}  # typedef -> ctypes name
        self.structs: dict[str, tuple[str, c_ast.Struct | c_ast.Union | None]] = {}  # C name -> doc, declaration
        self.callbacks: dict[str, tuple[str, c_ast.FuncDecl]] = {}
        self.functions: dict[str, tuple[str, c_ast.FuncDecl]] = {}
        for file in ("denpa_types.h", "denpa_plugin.h", "denpa.h"):
            self.read_constants(INCLUDE / file)
        for node in c_parser.CParser().parse(preprocess(), "denpa.h").ext:
            self.read(node)

    def read_constants(self, path: Path) -> None:
        pattern = r"^#define DENPA_(\w+) \(?(-?\d\w*|\"[^\"]*\")\)?"
        for name, value in re.findall(pattern, path.read_text(), re.MULTILINE):
            self.constants[name] = re.sub(r"(?i)(?<=\d)u$", "", value)

    def doc(self, node: c_ast.Node) -> str:
        coord = node.coord
        return self.comments.above(coord.file, coord.line) if "denpa" in Path(coord.file).name else ""

    def read(self, node: c_ast.Node) -> None:
        if isinstance(node, c_ast.Typedef):
            self.read_typedef(node)
        elif isinstance(node, c_ast.Decl) and isinstance(node.type, c_ast.FuncDecl):
            self.functions[node.name] = (self.doc(node), node.type)
        elif isinstance(node, c_ast.Decl) and isinstance(node.type, c_ast.Struct):
            self.add_struct(node.type.name, self.doc(node), node.type)

    def read_typedef(self, node: c_ast.Typedef) -> None:
        kind = node.type
        if isinstance(kind, c_ast.PtrDecl) and isinstance(kind.type, c_ast.FuncDecl):
            self.callbacks[node.name] = (self.doc(node), kind.type)
        elif isinstance(kind, c_ast.TypeDecl) and isinstance(kind.type, c_ast.Struct):
            self.add_struct(node.name, self.doc(kind.type), kind.type)
        elif isinstance(kind, c_ast.TypeDecl) and node.name.startswith("denpa_"):
            self.scalars[node.name] = SCALARS[kind.type.names[0]]

    def add_struct(self, name: str, doc: str, struct: c_ast.Struct) -> None:
        if struct.decls is not None:
            for field in struct.decls:
                if isinstance(field.type.type if hasattr(field.type, "type") else None, c_ast.Union):
                    self.structs[f"{name}_{field.name}"] = ("", field.type.type)
            # Replaces a forward declaration: structs are in the order of their definitions.
            self.structs.pop(name, None)
        if struct.decls is not None or name not in self.structs:
            self.structs[name] = (doc, struct if struct.decls is not None else None)

    # -- types -----------------------------------------------------------------------------------------------

    def ctype(self, node: c_ast.Node, owner: str = "") -> str:
        """Returns the ctypes expression for a C type."""
        if isinstance(node, c_ast.Decl):
            return self.ctype(node.type, f"{owner}_{node.name}")
        if isinstance(node, c_ast.Typename):
            return self.ctype(node.type)
        if isinstance(node, c_ast.ArrayDecl):
            return f"{self.ctype(node.type)} * {int(self.constant(node.dim), 0)}"
        if isinstance(node, c_ast.PtrDecl):
            return self.pointer(node.type)
        if isinstance(node, c_ast.TypeDecl):
            if isinstance(node.type, c_ast.Union):
                return camel(owner)
            if isinstance(node.type, c_ast.Struct):
                return camel(node.type.name)
            return self.named(node.type.names[0])
        raise TypeError(f"no rule for {type(node).__name__} at {node.coord}")

    def named(self, name: str) -> str:
        return SCALARS.get(name) or self.scalars.get(name) or camel(name)

    def pointer(self, target: c_ast.Node) -> str:
        if isinstance(target, c_ast.FuncDecl):
            return self.function_type(target)
        inner = self.ctype(target) if not self.is_void(target) else "void"
        if inner == "void":
            return "c_void_p"
        if inner == "c_char" and "const" in target.quals:
            return "c_char_p"
        return f"POINTER({inner})"

    def is_void(self, node: c_ast.Node) -> bool:
        return isinstance(node, c_ast.TypeDecl) and getattr(node.type, "names", None) == ["void"]

    def result(self, function: c_ast.FuncDecl) -> str:
        return "None" if self.is_void(function.type) else self.ctype(function.type)

    def arguments(self, function: c_ast.FuncDecl) -> list[str]:
        given = function.args.params if function.args else []
        return [self.ctype(p.type) for p in given if not self.is_void(p.type)]

    def function_type(self, function: c_ast.FuncDecl) -> str:
        return f"CFUNCTYPE({', '.join([self.result(function), *self.arguments(function)])})"

    def constant(self, node: c_ast.Node) -> str:
        return str(node.value)


def docstring(text: str, indent: str = "") -> str:
    escaped = text.replace("\\", "\\\\").replace('"""', "'''")
    if escaped.endswith('"'):
        escaped += " "
    return '"""' + escaped.replace("\n", f"\n{indent}").replace(f"\n{indent}\n", "\n\n") + '"""'


def write_struct(header: Header, name: str) -> list[str]:
    """Returns the class of a struct with its annotations; its fields follow after all classes are defined."""
    doc, struct = header.structs[name]
    lines = [f"class {camel(name)}({'Union' if isinstance(struct, c_ast.Union) else 'Structure'}):"]
    lines.append(f"    {docstring(doc or name, '    ')}")
    if struct is not None:
        lines.append("")
        for field in struct.decls:
            ctype = header.ctype(field, name)
            python = PYTHON_TYPES.get(ctype, "int" if re.fullmatch(r"c_(u?int\d+|size_t)", ctype) else "Any")
            lines.append(f"    {field.name}: {python}")
    return [*lines, "", ""]


def write_fields(header: Header, name: str) -> list[str]:
    struct = header.structs[name][1]
    if struct is None:
        return []
    lines = [f"{camel(name)}._fields_ = ["]
    lines += [f'    ("{field.name}", {header.ctype(field, name)}),' for field in struct.decls]
    return [*lines, "]"]


def generate() -> str:
    """Returns the complete text of _abi.py."""
    header = Header()
    out = [
        '"""denpa.h as ctypes. Made by scripts/generate_abi.py from the headers: do not edit."""',
        "",
        "from __future__ import annotations",
        "",
        "from ctypes import CDLL, CFUNCTYPE, POINTER, Structure, Union",
        "from ctypes import c_char, c_char_p, c_double, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p",
        "from typing import Any, Optional",
        "",
    ]
    out += [f"{name} = {value}" for name, value in header.constants.items()]
    out += ["", ""]
    for name in header.structs:
        out += write_struct(header, name)
    for name, (doc, function) in header.callbacks.items():
        out += [f"# {line}".rstrip() for line in doc.splitlines()]
        out.append(f"{camel(name)} = {header.function_type(function)}")
    out.append("")
    for name in header.structs:
        out += write_fields(header, name)
    out += ["", "# name: (result, arguments, documentation)", "FUNCTIONS: dict[str, tuple[Any, list[Any], str]] = {"]
    for name, (doc, function) in header.functions.items():
        out.append(f'    "{name}": (')
        out.append(f"        {header.result(function)},")
        out.append(f"        [{', '.join(header.arguments(function))}],")
        out.append(f"        {docstring(doc)},")
        out.append("    ),")
    out += ["}", "", "", "def bind(library: CDLL) -> None:"]
    out.append(
        '    """Gives every function of the library its exact signature. AttributeError where one is missing."""'
    )
    out += ["    for name, (result, arguments, documentation) in FUNCTIONS.items():"]
    out += ["        function = getattr(library, name)"]
    out += ["        function.restype, function.argtypes, function.__doc__ = result, arguments, documentation"]
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else OUTPUT).write_text(generate())
