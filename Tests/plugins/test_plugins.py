"""Plugins at work: loaded with proof or on request, failing in the middle, without backward, named by the checks."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading

import denpa as dp
import numpy as np
import pytest
from conftest import HERE, ROOT, WARNINGS, compile_c
from denpa import _abi as abi
from denpa._call import library, text
from numpy.testing import assert_allclose, assert_array_equal

X = np.array([[0.5, -0.2], [0.1, 0.9], [-0.7, 0.3]])
T = np.eye(3)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def entry(kind: str) -> dict:
    described = json.loads(text(library.denpa_registry, room=1 << 17))
    return next(row for row in described["layers"] + described["losses"] if row["kind"] == kind)


def layer(faulty, fault: str, proof: str = "request") -> type:
    """The class of faulty.c's layer with that fault, under a name of its own."""
    kind = f"work.{fault.lower()}"
    assert dp.load_plugin(faulty(fault, kind), proof=proof) == [kind]
    return getattr(dp.layers, "".join(word.capitalize() for word in fault.split("_")))


# ---------------------------------------------------------------------------------------------------------- templates
TEMPLATES = {"swish.c": "example.swish", "softplus.cpp": "example.softplus", "leaky.swift": "example.leaky"}


@pytest.mark.parametrize("source", TEMPLATES)
def test_templates_build_unmodified_by_the_line_in_their_comment(source, tmp_path):
    lines = (ROOT / "examples" / "plugins" / source).read_text().splitlines()[:8]
    command = next(line.lstrip("/* ") for line in lines if re.match(r"^[/* ]+(cc|c\+\+|swiftc) ", line))
    if command.startswith("swiftc") and not shutil.which("swiftc"):
        pytest.skip("no Swift compiler")
    target = re.search(r"-o (\S+)", command).group(1)
    command = command.replace(f"-o {target}", f"-o {tmp_path / target}")
    if not command.startswith("swiftc"):
        command += " " + " ".join(WARNINGS)
    subprocess.run(command, shell=True, check=True, cwd=ROOT)
    kind = TEMPLATES[source]
    # In a process of its own: other tests load the same names.
    script = (
        "import sys, denpa as dp; (kind,) = dp.load_plugin(sys.argv[1]); print(dp.prove(kind));"
        "net = dp.Sequential([dp.Dense(3), dp.create(kind), dp.Dense(2)], (4,), seed=1);"
        "x = [[.1, .2, -.3, .4]] * 3;"
        "report = net.check_gradients(x, [[0.5, -0.5]] * 3, loss='mse', inputs=True);"
        "print(report); assert report.passed; print(net.fit(x, [[0.5, -0.5]] * 3, epochs=2, loss='mse'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / target)], capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT / "bindings" / "python")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAIL" not in done.stdout and "gradient of input 0" in done.stdout
    assert kind not in [row["kind"] for row in json.loads(text(library.denpa_registry, room=1 << 17))["layers"]]


# ------------------------------------------------------------------------------------------------------------- a good one
def test_a_good_plugin(faulty, rng):
    scale = layer(faulty, "NONE", proof="load")
    described = entry("work.none")
    assert described["plugin"] == "faulty" and described["parameters"] == ["w"] and described["summary"] == "y = gain * w * x"
    assert described["attributes"][0]["name"] == "gain" and described["attributes"][0]["default"] == 1.5
    x = rng.normal(size=(4, 3))
    assert_allclose(scale(gain=2.0).forward(x), 2 * x)
    net = dp.Sequential([dp.Dense(3), scale(), dp.Dense(2)], (3,), seed=1)
    for rows in (0, 1, 4):
        assert net.predict(x[:rows]).shape == (rows, 2)
    t = rng.normal(size=(4, 2))
    assert net.check_gradients(x, t, loss="mse", inputs=True).passed
    history = net.fit(x, t, epochs=200, loss="mse", optimizer=dp.Adam(learning_rate=0.05))
    assert history["loss"][-1] < history["loss"][0]
    assert_allclose(dp.from_bytes(net.to_bytes()).predict(x), net.predict(x))


def test_many_instances_come_and_go(faulty):
    scale = layer(faulty, "ROUGH_FLOAT32")
    for _ in range(100):
        with dp.Sequential([scale(gain=3.0)], (2,), seed=1) as net:
            assert_allclose(net.predict(np.ones((2, 2))), 3, rtol=2e-3)  # w is 1, and float32 is rough


# ------------------------------------------------------------------------------------------------------------- on request
def test_on_request_is_marked_unproved(faulty):
    layer(faulty, "WRONG_DW")
    assert entry("work.wrong_dw")["proved"] is False
    with pytest.raises(dp.ProofFailed, match='gradient of parameter "w"') as caught:
        dp.prove("work.wrong_dw")
    assert "FAIL" in caught.value.report and "ok" in caught.value.report
    assert entry("work.wrong_dw")["proved"] is False
    # A right one is marked when it has been proved.
    assert dp.load_plugin(faulty("NONE", "unproved.scale", "right.so"), proof="request") and dp.prove("unproved.scale")
    assert entry("unproved.scale")["proved"] is True


def test_the_gradient_check_names_what_a_wrong_layer_spoils(faulty, rng):
    wrong = layer(faulty, "WRONG_DX")
    net = dp.Sequential([dp.Dense(3), wrong(), dp.Dense(2)], (3,), dtype="float64", seed=1)
    report = net.check_gradients(rng.normal(size=(4, 3)), rng.normal(size=(4, 2)), loss="mse", inputs=True)
    assert not report.passed
    assert {row.tensor for row in report.failed} == {"dense_1.W", "dense_1.b", net.input_names[0]}  # what lies before it
    assert report["dense_2.W"].passed


def test_failing_create(faulty):
    broken = layer(faulty, "CREATE_FAILS")
    with pytest.raises(dp.InvalidArgument, match='work.create_fails.*no such gain'):
        dp.Sequential([broken()], (2,))


def test_failing_forward(faulty):
    broken = layer(faulty, "FORWARD_FAILS")
    net = dp.Sequential([broken()], (2,), seed=1)
    with pytest.raises(dp.PluginError, match='work.forward_fails "forward_fails.*out of order') as caught:
        net.predict(np.ones((1, 2)))
    assert caught.value.status == abi.LAYER_FAILED


def test_a_forward_that_answers_nonsense(faulty):
    broken = layer(faulty, "FORWARD_ANSWERS_NONSENSE")
    net = dp.Sequential([broken()], (2,), seed=1)
    with pytest.raises(dp.PluginError, match="returned 4711") as caught:
        net.predict(np.ones((1, 2)))
    assert caught.value.status == abi.LAYER_FAILED


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        ("FORWARD_FAILS_WHEN_TRAINING", abi.LAYER_FAILED, "out of order"),
        ("BACKWARD_FAILS", abi.NOT_SUPPORTED, "there is no way back"),
        ("NO_BACKWARD", abi.NOT_SUPPORTED, "inference only"),
    ],
)
def test_failing_in_training_leaves_the_weights(faulty, fault, status, words):
    """Prediction works, training says what is wrong and with which layer; nothing has changed."""
    broken = layer(faulty, fault)
    net = dp.Sequential([dp.Dense(2), broken(), dp.Dense(2)], (2,), seed=1)
    before = net.predict(X)
    with pytest.raises(dp.DenpaError) as caught:
        net.fit(X, X, loss="mse", epochs=1)
    assert caught.value.status == status
    assert words in str(caught.value) and f"work.{fault.lower()}" in str(caught.value)
    assert_array_equal(net.predict(X), before)


def test_without_backward_a_layer_passes_the_proof(faulty):
    assert dp.load_plugin(faulty("NO_BACKWARD", "inference.forward_only")) == ["inference.forward_only"]
    assert "inference only" in dp.prove("inference.forward_only")


# ------------------------------------------------------------------------------------------------- SOURCES A: the trap
def network(seed: int = 1):
    """2-3-3 with weights of 0.01, sigmoid inside; the softmax is the loss's."""
    start = dp.Normal(scale=0.01)
    layers = [dp.Dense(3, activation="sigmoid", initializer=start), dp.Dense(3, initializer=start)]
    return dp.Sequential(layers, input_shape=(2,), dtype="float64", seed=seed, names="book")


def test_the_whole_batch_softmax_is_refused_at_load(build):
    with pytest.raises(dp.ProofFailed, match=r'book\.batch_softmax_loss.*gradient of input 0 \("prediction"\)'):
        dp.load_plugin(build("batch_softmax_loss.c", "-DRIGHT=0"))


def test_the_whole_batch_softmax_is_named_by_the_check(build):
    assert dp.load_plugin(build("batch_softmax_loss.c", "-DRIGHT=0"), proof="request") == ["book.batch_softmax_loss"]
    net = network()
    loss = dp.losses.BatchSoftmaxLoss()
    value, gradients = net.loss_and_gradients(X, T, loss=loss)
    assert value == pytest.approx(np.log(9), abs=0.01)  # what the note printed: 2.1972294
    assert_allclose(gradients["b2"], -2 / 9, atol=0.01)
    report = net.check_gradients(X, T, loss=loss)
    assert not report.passed and not report["b2"].passed and not report["W2"].passed
    with pytest.raises(dp.ProofFailed, match="gradient of input 0"):
        dp.prove("book.batch_softmax_loss")


def test_the_softmax_of_each_row_passes(build):
    assert dp.load_plugin(build("batch_softmax_loss.c", "-DRIGHT=1")) == ["book.row_softmax_loss"]
    net = network()
    value, gradients = net.loss_and_gradients(X, T, loss=dp.losses.RowSoftmaxLoss())
    assert value == pytest.approx(np.log(3), abs=0.01)
    assert np.abs(gradients["b2"]).max() < 0.02
    assert net.check_gradients(X, T, loss=dp.losses.RowSoftmaxLoss()).passed
    single = dp.Sequential([dp.Dense(3)], (2,), dtype="float32", seed=1)
    with pytest.raises(dp.NotSupported, match="float32"):  # the loss computes in float64 only
        single.loss_and_gradients(X, T, loss=dp.losses.RowSoftmaxLoss())


# ------------------------------------------------------------------------------------- states, several inputs and outputs
@pytest.fixture(scope="module")
def running(tmp_path_factory):
    return dp.load_plugin(compile_c(HERE / "running.c", tmp_path_factory.mktemp("running") / "running.so"))[0]


def with_state(kind: str):
    """A network of that layer alone; its state and its frozen parameter."""
    a, b = dp.Input(3), dp.Input(3)
    net = dp.Model([a, b], dp.create(kind)(a, b), dtype="float64", seed=1)
    return net, *(net.parameters[next(name for name in net.parameters if name.endswith(end))] for end in (".m", ".s"))


def test_states_and_several_ports(running, rng):
    assert "FAIL" not in dp.prove(running) and entry(running)["parameters"] == ["m", "s"]
    assert entry(running)["version"] == 3
    net, m, s = with_state(running)
    x, z = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    assert_array_equal(m, 0)
    assert_array_equal(s, 2)
    y0, y1 = net.predict([x, z])
    assert_allclose(y0, 2 * x)
    assert_allclose(y1, 2 * x * z)
    assert_array_equal(m, 0)  # prediction is no training
    net.compile(loss=["mse", "mse"], optimizer="sgd")
    net.train_batch([x, z], [0 * x, 0 * z])
    m = net.parameters[next(name for name in net.parameters if name.endswith(".m"))]
    assert_allclose(m, 0.5 * x.mean(axis=0))
    assert_array_equal(s, 2)
    assert_allclose(net.predict([x, z])[0], 2 * x - m)


def test_a_gradient_check_of_a_layer_with_a_state(running, rng):
    net, m, _ = with_state(running)
    x, z = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    report = net.check_gradients([x, z], [0 * x, 0 * z], loss=["mse", "mse"], inputs=True)
    assert_array_equal(m, 0)
    assert report.passed, str(report)


# ------------------------------------------------------------------------------------------------------------ threads
def test_one_file_in_many_threads(faulty):
    """One thread loads it, the others are told; files of their own are loaded side by side."""
    shared = faulty("NONE", "threads.shared", "shared.so")
    own = [faulty("NONE", f"threads.own_{n}", f"own{n}.so") for n in range(4)]
    statuses: list[list[int]] = [[] for _ in own]
    start = threading.Barrier(len(own))

    def load(n: int) -> None:
        start.wait()
        for path in (shared, own[n]):
            statuses[n].append(library.denpa_plugin_load(os.fsencode(path), None, None))

    workers = [threading.Thread(target=load, args=(n,)) for n in range(len(own))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(row[0] for row in statuses) == [abi.OK] + [abi.ALREADY_EXISTS] * (len(own) - 1)
    assert [row[1] for row in statuses] == [abi.OK] * len(own)


# ------------------------------------------------------------------------------------------------------------------- C
@pytest.mark.parametrize("source", ["host.c", "planted.c"])
@pytest.mark.parametrize("compiler", [["cc", "-std=c11"], ["c++", "-std=c++17", "-x", "c++"]], ids=["c", "c++"])
def test_from_c(compiler, source, tmp_path, build):
    """host.c registers a layer of its own, loads trap A on request and lets the check name it; planted.c plants 200 mistakes."""
    program = tmp_path / "program"
    command = [*compiler, "-O2", *WARNINGS, f"-I{ROOT / 'include'}", str(HERE / source), "-x", "none", "-o", str(program)]
    subprocess.run([*command, library._name, f"-Wl,-rpath,{os.path.dirname(library._name)}", "-lm"], check=True)
    done = subprocess.run([program, build("batch_softmax_loss.c", "-DRIGHT=0")], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^[1-9]\d* passed, 0 failed$", done.stdout, re.M)
