"""The generated ABI is that of the headers, and no function can be called with the wrong types."""

from __future__ import annotations

import ctypes
import re
import runpy
import subprocess

import denpa as dp
import pytest
from denpa import _abi as abi
from denpa._call import library
from denpa_support import ROOT


def test_the_file_is_what_the_headers_say():
    generate = runpy.run_path(str(ROOT / "scripts" / "generate_abi.py"))["generate"]
    assert generate() == (ROOT / "bindings" / "python" / "denpa" / "_abi.py").read_text(), (
        "the headers have changed: python scripts/generate_abi.py"
    )


def test_every_function_has_its_signature():
    for name, (result, arguments, documentation) in abi.FUNCTIONS.items():
        function = getattr(library, name)
        assert function.argtypes == arguments, name
        assert function.restype is result, name
        assert function.__doc__ == documentation, name


def test_nothing_is_missing():
    symbols = subprocess.run(
        ["nm", "-D", "--defined-only", library._name], capture_output=True, text=True, check=True
    )
    exported = set(re.findall(r" T (denpa_\w+)", symbols.stdout))
    assert exported and exported == set(abi.FUNCTIONS)


def test_sizes_of_what_travels_in_arrays():
    assert ctypes.sizeof(abi.Tensor) == 144
    assert ctypes.sizeof(abi.Attribute) == 48
    assert ctypes.sizeof(abi.Loss) == 48


def test_a_handle_of_another_kind_is_refused_by_python():
    net = dp.Sequential([dp.Dense(1)], input_shape=(1,))
    with pytest.raises(ctypes.ArgumentError):
        library.denpa_session_destroy(net._parts.native.handle.pointer)
    with pytest.raises(ctypes.ArgumentError):
        library.denpa_model_save(net._parts.native.handle.pointer, "text")


def test_versions_agree():
    assert dp.version() == dp.__version__ == abi.VERSION
    assert dp.kernels() in ("sse2", "avx2", "avx512", "neon")


def test_no_handle_is_left_over():
    import gc

    gc.collect()
    before = library.denpa_test_handles()
    net = dp.Sequential([dp.Dense(3, activation="relu"), dp.Dense(1)], input_shape=(2,))
    net.fit([[0.0, 1.0]], [[1.0]], loss="mse")
    net.predict([[0.0, 1.0]])
    net.check_gradients([[0.3, 1.0]], [[1.0]])
    assert library.denpa_test_handles() > before
    del net
    gc.collect()
    assert library.denpa_test_handles() == before
