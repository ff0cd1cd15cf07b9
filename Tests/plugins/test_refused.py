"""Plugins that are refused at load: each with its own status and sentence, at once, and nothing has changed afterwards."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import time

import denpa as dp
import pytest
from conftest import HERE, compile_c
from denpa import _abi as abi
from denpa._call import library, text

# What the plugin does wrong; the status; words of the sentence.
AT_ENTRY = [
    ("ENTRY_FAILS", abi.NOT_SUPPORTED, "this machine has no soul"),
    ("ENTRY_FAILS_SILENTLY", abi.OUT_OF_MEMORY, "entry function returned DENPA_OUT_OF_MEMORY"),
    ("ENTRY_ANSWERS_NONSENSE", abi.LAYER_FAILED, "returned -12, which is no status"),
    ("ABI_IS_UNSET", abi.BAD_PLUGIN, "did not set abi"),
    ("ABI_IS_7", abi.BAD_PLUGIN, "abi is 7; this library speaks version 0"),
    ("PLUGIN_SIZE_0", abi.BAD_PLUGIN, "struct_size is 0: set it to sizeof(denpa_plugin)"),
    ("PLUGIN_SIZE_SMALL", abi.BAD_PLUGIN, "struct_size is 16, while denpa_plugin"),
    ("PLUGIN_SIZE_ABSURD", abi.BAD_PLUGIN, "which no denpa_plugin can have"),
    ("PLUGIN_NAME_NULL", abi.BAD_PLUGIN, "its name is NULL"),
    ("PLUGIN_VERSION_NULL", abi.BAD_PLUGIN, "its version is NULL"),
    ("LAYER_COUNT_0", abi.BAD_PLUGIN, "layer_count is 0"),
    ("LAYER_COUNT_NEGATIVE", abi.BAD_PLUGIN, "layer_count is -1"),
    ("LAYERS_NULL", abi.BAD_PLUGIN, "layers is NULL"),
    ("LAYER_NULL", abi.BAD_PLUGIN, "layer 0: the pointer to its denpa_layer is NULL"),
    ("SAME_NAME_TWICE", abi.BAD_PLUGIN, "two layers of the plugin are named"),
]
DESCRIPTION = [
    ("LAYER_SIZE_0", "struct_size is 0: set it to sizeof(denpa_layer)"),
    ("LAYER_SIZE_SMALL", "denpa_layer of ABI version 0 has 152 bytes"),
    ("LAYER_SIZE_NEGATIVE", "which no denpa_layer can have"),
    ("LAYER_SIZE_ABSURD", "struct_size is 1000000"),
    ("NAME_NULL", "its name is NULL"),
    ("NAME_EMPTY", "no namespace"),
    ("SUMMARY_NULL", "the summary is NULL"),
    ("ROLE_UNKNOWN", "role is 5"),
    ("LOSS_OF_ONE_INPUT", "a loss has 2 inputs"),
    ("FLAG_UNKNOWN", "flags has unknown bits: 1048576"),
    ("NO_DTYPE", "dtypes is 0"),
    ("INPUTS_NEGATIVE", "input_count is -1"),
    ("OUTPUTS_HUGE", "output_count is 1073741824"),
    ("PARAMETERS_NEGATIVE", "parameter_count is -2"),
    ("SAVED_NEGATIVE", "saved_count is -3"),
    ("ATTRIBUTES_NEGATIVE", "attribute_count is -4"),
    ("ATTRIBUTES_NULL", "attributes is NULL"),
    ("NO_SAMPLES", "sample_count is 0: a layer needs at least one sample"),
    ("SAMPLES_NULL", "samples is NULL"),
    ("SAMPLE_NULL", "sample 0: the pointer to its denpa_sample is NULL"),
    ("FORWARD_NULL", "forward is NULL"),
    ("PARAMETER_NULL", "parameter is NULL"),
    ("SAVED_NULL", "saved is NULL"),
    ("SCHEMA_SIZE_0", "sizeof(denpa_attribute_spec)"),
    ("SCHEMA_NAME_NULL", "attribute 0: its name is NULL"),
    ("SCHEMA_TYPE_UNKNOWN", "type is 77"),
    ("SCHEMA_DEFAULT_OF_OTHER_TYPE", "default_value has type 4"),
    ("SCHEMA_DEFAULT_OUT_OF_BOUNDS", "expects at most 1.0, got 1.5"),
    ("SAMPLE_ATTRIBUTE_UNKNOWN", 'unknown attribute "grain"'),
    ("SAMPLE_INPUTS_MISSING", "it has 0 input(s), the layer 1"),
    ("SAMPLE_WITHOUT_ROWS", "expected the same number of rows"),
    ("SAMPLE_RANGE_REVERSED", "low is 3.0, high 2.0"),
]
PROOF = [
    ("CREATE_FAILS", "no such gain"),
    ("SHAPE_RANK_UNSET", "its rank was not set"),
    ("SHAPE_COMPUTES_WITH_BATCH", "copy DENPA_BATCH"),
    ("SHAPE_FIXES_ROWS", "rows are independent"),
    ("SHAPE_TOO_LARGE", "did not write element 20 of outputs[0]"),
    ("SHAPE_TOO_SMALL", "wrote past the end of outputs[0]"),
    ("SHAPE_OTHER_DTYPE", "copy the dtype of the inputs"),
    ("PARAMETER_FAILS", "too many columns"),
    ("PARAMETER_ROLE_UNKNOWN", "its role is 9"),
    ("PARAMETER_NAME_NULL", "parameter 0: its name is NULL"),
    ("INITIALIZER_UNKNOWN", 'no initializer is registered as "wishful"'),
    ("WORKSPACE_NEGATIVE", "workspace returned -8 bytes"),
    ("WORKSPACE_SHRINKS", "must not shrink"),
    ("FORWARD_FAILS", "forward: out of order"),
    ("FORWARD_FAILS_WHEN_TRAINING", "forward: out of order"),
    ("FORWARD_ANSWERS_NONSENSE", "forward returned 4711, which is no status"),
    ("FORWARD_FAILS_WITHOUT_ROWS", "with 0 row(s): no rows"),
    ("BACKWARD_FAILS", "backward: there is no way back"),
    ("WRONG_DX", 'gradient of input 0 ("x"): backward says'),
    ("WRONG_DW", 'gradient of parameter "w": backward says'),
    ("PAST_THE_END", "wrote past the end of outputs[0]"),
    ("BEFORE_THE_START", "wrote in front of outputs[0]"),
    ("WORKSPACE_PAST_THE_END", "wrote past the end of workspace"),
    ("DX_PAST_THE_END", "backward wrote past the end of dinputs[0]"),
    ("HOLES", "did not write element 2 of outputs[0]"),
    ("HOLES_IN_DX", "did not write element 3 of dinputs[0]"),
    ("NOT_A_NUMBER", "inf to element 2 of outputs[0]"),
    ("FORGETS_TO_ADD", "asked to accumulate"),
    ("ADDS_WHERE_IT_SHOULD_OVERWRITE", "computed it from memory that it may not read"),
    ("CHANGES_INPUT", "changed inputs[0], which it may only read"),
    ("CHANGES_PARAMETER", 'changed parameters[0] ("w"), which it may only read'),
    ("CHANGES_DOUTPUT", "backward changed doutputs[0]"),
    ("NOT_REPEATABLE", "repeatability: forward gives other outputs when it is called"),
    ("ROWS_MIXED", "declares its rows independent"),
    ("READS_INPUTS_UNASKED", "computed it from memory that it may not read"),
    ("ROUGH_FLOAT32", "float32 against float64: outputs[0], element 0"),
]
ALL = (
    AT_ENTRY
    + [(fault, abi.BAD_PLUGIN, words) for fault, words in DESCRIPTION]
    + [(fault, abi.PROOF_FAILED, words) for fault, words in PROOF]
)


def registry() -> str:
    return text(library.denpa_registry, room=1 << 17)


def load(path, names: str) -> None:
    """By the C function: classes of Python's, which are named without the namespace, would clash."""
    loaded = ctypes.c_char_p()
    assert library.denpa_plugin_load(os.fsencode(path), None, ctypes.byref(loaded)) == abi.OK
    assert loaded.value == names.encode()


def refused(path, status: int, *words: str) -> None:
    """Loading fails so, within a second, and changes nothing."""
    before = registry()
    started = time.monotonic()
    with pytest.raises(dp.DenpaError) as caught:
        dp.load_plugin(path)
    assert time.monotonic() - started < 1
    assert caught.value.status == status, str(caught.value)
    for part in words:
        assert part in str(caught.value)
    assert registry() == before


@pytest.mark.parametrize(("fault", "status", "words"), ALL, ids=[row[0].lower() for row in ALL])
def test_faulty(faulty, fault, status, words):
    path = faulty(fault)
    refused(path, status, words, str(path))


def test_every_fault_is_in_the_table():
    source = (HERE / "faulty.c").read_text()
    faults = source.split("enum fault {")[1].split("};")[0]
    words = {word.strip() for line in faults.splitlines() if "/*" not in line for word in line.split(",")} - {""}
    assert words == {row[0] for row in ALL} | {"NONE", "NO_BACKWARD"}


THROWING = """
#include <denpa_plugin.h>
#include <stdexcept>
extern "C" DENPA_EXPORT denpa_status denpa_plugin_entry_v0(const denpa_host *, denpa_plugin *) {
  throw WHAT;
}
"""


@pytest.mark.parametrize(
    ("what", "words"), [('std::runtime_error("no soul today")', "no soul today"), ("7", "no std::exception")])
def test_an_entry_function_that_throws(tmp_path, what, words):
    source, path = tmp_path / "throwing.cpp", tmp_path / "throwing.so"
    source.write_text(THROWING.replace("WHAT", what))
    command = ["c++", "-std=c++17", "-O2", "-fPIC", "-shared", f"-I{HERE.parents[1] / 'include'}"]
    subprocess.run([*command, str(source), "-o", str(path)], check=True)
    refused(path, abi.BAD_PLUGIN, "its entry function threw an exception", words, str(path))
    refused(path, abi.BAD_PLUGIN, words)  # nothing is held


@pytest.mark.parametrize("name", ["nodots", "Vendor.Upper", "vendor.two words", "vendor.", ".scale", "vendor..scale"])
def test_a_name_that_is_none(faulty, name):
    refused(faulty("NONE", name), abi.BAD_PLUGIN, f'layer "{name}"')


def test_a_name_that_is_too_long(faulty):
    refused(faulty("NONE", "vendor." + "a" * 249), abi.BAD_PLUGIN, "more than 255 bytes")


def test_names_that_are_taken(faulty, tmp_path):
    first = faulty("NONE", "taken.scale", "first.so")
    load(first, "taken.scale")
    refused(first, abi.ALREADY_EXISTS, "is loaded already")
    os.symlink(first, tmp_path / "symlink.so")
    os.link(first, tmp_path / "link.so")
    refused(tmp_path / "symlink.so", abi.ALREADY_EXISTS, "is loaded already")
    refused(tmp_path / "link.so", abi.ALREADY_EXISTS, "is loaded already")
    shutil.copy(first, tmp_path / "copy.so")
    refused(tmp_path / "copy.so", abi.ALREADY_EXISTS, 'a layer named "taken.scale" is registered already')
    refused(faulty("WRONG_DX", "taken.scale"), abi.ALREADY_EXISTS, "registered already")  # and no proof is run


def test_a_plugin_that_was_refused_may_be_mended(faulty, tmp_path):
    broken = faulty("WRONG_DX", "mended.scale", "mended.so")
    refused(broken, abi.PROOF_FAILED, "mended.scale")
    refused(broken, abi.PROOF_FAILED, "mended.scale")
    load(faulty("NONE", "mended.scale", "mended.so"), "mended.scale")  # the same path, another file


def test_files_that_are_none(tmp_path, faulty):
    status = library.denpa_plugin_load(b"plugin.so", None, None)
    assert status == abi.BAD_ARGUMENT and b"expected a path with a '/'" in library.denpa_last_error()
    for path in (tmp_path / "nowhere.so", tmp_path / "nowhere" / "plugin.so", tmp_path / "x.so" / "x.so"):
        assert library.denpa_plugin_load(os.fsencode(path), None, None) == abi.NOT_FOUND
        assert os.fsencode(path) in library.denpa_last_error()
    refused(tmp_path, abi.BAD_PLUGIN, "this is no regular file")
    os.mkfifo(tmp_path / "pipe.so")
    refused(tmp_path / "pipe.so", abi.BAD_PLUGIN, "this is no regular file")
    for content in (b"", b"\x7fELF", b"#!/bin/sh\necho hello\n" * 10):
        (tmp_path / "text.so").write_bytes(content)
        refused(tmp_path / "text.so", abi.BAD_PLUGIN, "expected a shared object (ELF)")


def test_files_that_are_cut_short(tmp_path, faulty):
    """The dynamic linker would end the process with SIGBUS."""
    whole = faulty("NONE", "cut.scale").read_bytes()
    for size in (64, 100, 500, 4096, len(whole) // 2):
        (tmp_path / f"cut{size}.so").write_bytes(whole[:size])
        refused(tmp_path / f"cut{size}.so", abi.BAD_PLUGIN, "cut short")


def test_files_of_other_machines(tmp_path, faulty):
    whole = bytearray(faulty("NONE", "other.scale").read_bytes())
    for offset, value in ((4, 1), (5, 2), (18, 0x53)):
        changed = bytearray(whole)
        changed[offset] = value
        (tmp_path / f"machine{offset}.so").write_bytes(changed)
        refused(tmp_path / f"machine{offset}.so", abi.BAD_PLUGIN, "another kind of machine")
    whole[16] = 1
    (tmp_path / "object.so").write_bytes(whole)
    refused(tmp_path / "object.so", abi.BAD_PLUGIN, "link it with -shared")


def test_objects_that_are_no_plugins(tmp_path):
    def compiled(name: str, code: str, *flags: str):
        (tmp_path / f"{name}.c").write_text(code)
        return compile_c(tmp_path / f"{name}.c", tmp_path / f"{name}.so", *flags)

    refused(compiled("empty", "int nothing;\n"), abi.BAD_PLUGIN, "exports no function denpa_plugin_entry_v0")
    entry = "int denpa_plugin_entry_v{}(void);\nint denpa_plugin_entry_v{}(void) {{ return 0; }}\n"
    refused(compiled("hidden", entry.format(0, 0), "-fvisibility=hidden"), abi.BAD_PLUGIN, "or hides its entry")
    refused(compiled("newer", entry.format(1, 1)), abi.BAD_PLUGIN, "made for version 1 of the plugin ABI")
    unresolved = "int elsewhere(void);\nint here(void);\nint here(void) { return elsewhere(); }\n"
    refused(compiled("unresolved", unresolved), abi.BAD_PLUGIN, "cannot be loaded", "elsewhere")


def test_damaged_headers_never_end_the_process(tmp_path, faulty):
    """Every byte of the ELF header changed, each in a process of its own: refused or loaded, alive.

    (Damage behind the header is for the dynamic linker to find, which may well crash: a plugin's code could do the same.)
    """
    whole = faulty("NONE", "damaged.scale").read_bytes()
    script = f"""
import ctypes, os
library = ctypes.CDLL({library._name!r})
library.denpa_last_error.restype = ctypes.c_char_p
for offset in range(64):
    for mask in (0x11, 0x80, 0xFF):
        child = os.fork()
        if child == 0:
            changed = bytearray({whole!r})
            changed[offset] ^= mask
            path = os.fsencode({str(tmp_path)!r}) + b"/damaged%d-%d.so" % (offset, mask)
            open(path, "wb").write(changed)
            status = library.denpa_plugin_load(path, None, None)
            os.unlink(path)
            os._exit(0 if status == 0 or library.denpa_last_error() else 1)
        assert os.waitpid(child, 0)[1] == 0, (offset, mask)
print("alive")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert "alive" in done.stdout, done.stdout + done.stderr
