"""A layer whose callback uses its own network: answered or refused, but never waiting for itself."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

PROGRAM = """
    import ctypes
    import denpa as dp, numpy as np
    from denpa import _abi as abi
    from denpa._call import check, library, options

    deed, told = None, []

    def asked():
        global deed
        if deed is None:
            return
        now, deed = deed, None
        try:
            now()
            told.append("done")
        except dp.DenpaError as error:
            told.append(str(error))

    def forward(call):
        x, y = call.contents.inputs[0].contents, call.contents.outputs[0].contents
        ctypes.memmove(y.data, x.data, x.dim[0] * x.dim[1] * 8)
        asked()
        return abi.OK

    def backward(call):
        if call.contents.dinputs[0]:
            dy, dx = call.contents.doutputs[0].contents, call.contents.dinputs[0].contents
            ctypes.memmove(dx.data, dy.data, dy.dim[0] * dy.dim[1] * 8)
        return abi.OK

    types = dict(abi.Layer._fields_)
    tensor = abi.Tensor(dtype=abi.FLOAT64, rank=2, dim=(4, 3))
    inputs = (ctypes.POINTER(abi.Tensor) * 1)(ctypes.pointer(tensor))
    sample = options(abi.Sample, input_count=1, inputs=inputs)
    samples = (ctypes.POINTER(abi.Sample) * 1)(ctypes.pointer(sample))
    layer = options(
        abi.Layer, name=b"within.echo", summary=b"y = x", version=1, flags={flags}, dtypes=abi.SUPPORTS_FLOAT64,
        input_count=1, output_count=1, sample_count=1, samples=samples,
        forward=types["forward"](forward), backward=types["backward"](backward))
    unproved = options(abi.PluginOptions, proof=abi.ON_REQUEST)
    check(library.denpa_layer_register(ctypes.byref(layer), None, ctypes.byref(unproved)))
    dp._registry.refresh()

    x, t = np.ones((4, 3)), np.ones((4, 2))
    def make():
        net = dp.Sequential([dp.Dense(3), dp.layers.Echo(), dp.Dense(2)], (3,), dtype="float64", seed=1)
        net.compile("mse", dp.SGD(learning_rate=1e-3))
        net.train_batch(x, t)
        return net

    USES = {
        "predict": lambda net: net.predict(x), "train_batch": lambda net: net.train_batch(x, t),
        "fit": lambda net: net.fit(x, t), "evaluate": lambda net: net.evaluate(x, t),
        "forward": lambda net: net.forward(x, training=True), "gradients": lambda net: net.gradients(x, t),
        "check": lambda net: net.check_gradients(x, t)}
    DEEDS = {
        **USES, "read": lambda net: net.parameters["dense_1.W"].copy(),
        "write": lambda net: net.parameters.update({"dense_1.b": np.ones(3)}), "draw": lambda net: net.initialize(3),
        "write and read": lambda net: (net.parameters.update({"dense_1.b": np.ones(3)}), net.parameters["dense_1.b"]),
        "freeze": lambda net: net.set_trainable("dense_1", False), "save": lambda net: net.to_bytes(),
        "compile": lambda net: net.compile("mse", "adam"), "copy": lambda net: __import__("copy").deepcopy(net)}
    for name, use in USES.items():
        for other, do in DEEDS.items():
            net = make()
            deed = lambda: do(net)
            before = len(told)
            try:
                use(net)
            except dp.DenpaError as error:
                assert "callback" in str(error), (name, other, error)
            assert len(told) == before + 1, (name, other)
            net.train_batch(x, t)
            W, b = net.parameters["dense_1.W"], net.parameters["dense_1.b"]
            V, c = net.parameters["dense_2.W"], net.parameters["dense_2.b"]
            np.testing.assert_allclose(net.predict(x), (x @ W + b) @ V + c)
            assert np.isclose(net.loss(x, t), np.mean((net.predict(x) - t) ** 2))
    for sentence in sorted(set(told)):
        print(sentence)
"""


@pytest.mark.parametrize(
    "flags", ["abi.ROWS_INDEPENDENT | abi.REENTRANT", "abi.ROWS_INDEPENDENT"], ids=["reentrant", ""]
)
def test_nothing_waits_for_itself(flags):
    program = textwrap.dedent(PROGRAM.replace("{flags}", flags))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    said = done.stdout.splitlines()
    assert "done" in said and len(said) > 1
    assert all(line == "done" or "callback" in line for line in said), said
