"""SOURCES B, C and E: the examples of the notes run from an empty folder and print the notes' numbers.

They check what they print by themselves; here, numbers from elsewhere are compared with the printed ones.
"""

from __future__ import annotations

import re
import subprocess

import denpa as dp
import numpy as np
import pytest
from denpa_support import ROOT, run_example
from numpy.testing import assert_allclose, assert_array_equal

FOLDER = ROOT / "examples" / "python" / "notes"


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """What an example prints, which runs once."""
    texts = {}

    def text(name):
        if name not in texts:
            texts[name] = run_example(name, folder=tmp_path_factory.mktemp("empty"))
        return texts[name]

    return text


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.?\d*(?:e[-+]?\d+)?", text)]


def section(text, beginning):
    """The part of a text under a title that begins like this, up to the next title."""
    found = re.split(r"\n(?=[^\n]+\n-{5,}\n)", text)
    return next(part for part in found if part.lstrip("\n").startswith(beginning))


def value(text, label):
    """The numbers of the first value with this label, without the note behind it."""
    match = re.search(
        rf"^    {re.escape(label)} *= (.*?)(?=(?<=\S)   \S|\n    \S|\n\n|\Z)", text, re.M | re.S
    )
    assert match is not None, f"there is no {label} in\n{text}"
    return numbers(match.group(1))


def test_every_note_is_tested():
    tested = {"forward.py", "errors.py", "learning.py", "traps.py", "gradients.py", "separation.py"}
    assert {path.name for path in FOLDER.glob("*.py")} == tested | {"showing.py"}  # what they all use


# ------------------------------------------------------------------------------------------------------ C, forward


def test_one_layer_of_several_units(printed):
    text = section(printed("notes/forward.py"), "One layer")
    assert_allclose(value(text, "u"), [1.4, 2.2, 3.0])
    assert_allclose(value(text, "sigmoid(u)"), [0.80218389, 0.90024951, 0.95257413])


def test_three_layers_with_every_label(printed):
    text = section(printed("notes/forward.py"), "Three layers")
    expected = {
        "W1": [0.1, 0.3, 0.5, 0.2, 0.4, 0.6],
        "b3": [1, 2],
        "u1": [0.6, 1.3, 2.0],
        "z1": [0.6, 1.3, 2.0],
        "sum of z1": [3.9],
        "u2": [1.02, 2.29],
        "z2": [1.02, 2.29],
        "y": [1.56, 3.222],
    }
    for label, numbers_ in expected.items():
        assert_allclose(value(text, label), numbers_, err_msg=label)
    # t = (1, 3): dE/dy = y - t, and all u are positive, so that deltas are products with W^T.
    delta3 = np.array([0.56, 0.222])
    delta2 = delta3 @ np.array([[0.1, 0.3], [0.2, 0.4]]).T
    delta1 = delta2 @ np.array([[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]]).T
    for label, delta in (("delta3", delta3), ("delta2", delta2), ("delta1", delta1)):
        assert_allclose(value(text, label), delta, atol=1e-8, err_msg=label)
    assert_allclose(value(text, "E"), [0.5 * (delta3**2).sum()], atol=1e-8)
    assert_allclose(value(text, "dE/dW1"), np.outer([1, 2], delta1).ravel(), atol=1e-8)
    assert_allclose(value(text, "dE/dW3"), np.outer([1.02, 2.29], delta3).ravel(), atol=1e-8)


def test_initial_weights_and_activations(printed):
    text = printed("notes/forward.py")
    weights = section(text, "Initial weights")
    assert value(weights, "zeros") == [0] * 12 and value(weights, "ones") == [1] * 12
    assert value(weights, "given") == list(range(12))
    assert all(0 <= number < 1 for number in value(weights, "uniform"))
    assert set(value(weights, "integers")) <= set(range(10)) and len(set(value(weights, "integers"))) > 1
    assert min(value(weights, "normal")) < 0 < max(value(weights, "normal"))
    functions = section(text, "Activations")
    assert value(functions, "step") == [0, 0, 0, 1, 1]
    assert value(functions, "relu") == [0, 0, 0, 0.5, 2]
    assert value(functions, "identity") == [-2, -0.5, 0, 0.5, 2]
    assert_allclose(value(functions, "sigmoid")[:3], [0.11920292, 0.37754067, 0.5])
    softmax = section(text, "Softmax")
    assert_allclose(value(softmax, "one row"), [0.01821127, 0.24519181, 0.73659691])
    assert_allclose(value(softmax, "large"), [0.9999546, 0.0000454, 0], atol=1e-7)


def test_the_step_at_0_is_documented():
    assert dp.step(0.0) == 0 and dp.step(5e-324) == 1
    assert "y(0) = 0" in dp.Step.__doc__


# ------------------------------------------------------------------------------------------------------- C, errors


def test_output_layers_and_three_forms(printed):
    text = printed("notes/errors.py")
    u = np.array([[0.3, 2.9, 4.0], [1.0, 0.5, -0.5]])
    t = np.array([[0.0, 3.0, 3.5], [1.0, 1.0, 0.0]])
    squares = 0.5 * (u - t) ** 2
    assert_allclose(value(section(text, "Regression"), "E"), [squares.mean()], atol=1e-8)
    two = section(text, "Two classes")
    p = 1 / (1 + np.exp(-u[:, 1]))
    assert_allclose(value(two, "E"), [-(np.log(p[0]) + np.log(1 - p[1])) / 2], atol=1e-8)
    assert_allclose(value(two, "dE/du"), [(p[0] - 1) / 2, p[1] / 2], atol=1e-8)
    many = section(text, "Many classes")
    q = np.exp(u) / np.exp(u).sum(axis=1, keepdims=True)
    guarded = -(np.log(q[0, 2] + 1e-7) + np.log(q[1, 0] + 1e-7)) / 2
    assert re.findall(r"E          = (\S+)   (?:one-hot|class)", many) == [f"{guarded:.8f}"] * 2
    assert_allclose(value(many, "y = 0"), [-np.log(1e-7)], atol=1e-8)
    forms = section(text, "Three forms")
    assert_allclose(value(forms, "batch_mean"), [squares.sum() / 2], atol=1e-8)
    assert_allclose(value(forms, "mean"), [squares.sum() / 6], atol=1e-8)
    assert_allclose(value(forms, "sum"), [squares.sum()], atol=1e-8)


def test_the_error_of_a_sample_a_batch_an_epoch(printed):
    text = section(printed("notes/errors.py"), "The error of a sample")
    samples, batches = value(text, "samples"), value(text, "batches")
    assert len(samples) == 10
    assert_allclose(batches, [np.mean(samples[:4]), np.mean(samples[4:8]), np.mean(samples[8:])], atol=2e-8)
    assert_allclose(value(text, "epoch"), [np.mean(samples)], atol=2e-8)
    assert_allclose(value(text, "fit"), [np.mean(samples)] * 2, atol=2e-8)


# ----------------------------------------------------------------------------------------------------- C, learning


def test_four_ways_of_learning_side_by_side(printed):
    text = section(printed("notes/learning.py"), "Four ways")
    found = {
        line.split()[0]: numbers(line.split(None, 1)[1]) for line in text.splitlines() if "steps" in line
    }
    assert {name: row[0] for name, row in found.items()} == {
        "batch": 5, "mini-batch": 160, "stochastic": 5000, "online": 5000
    }  # fmt: skip
    assert len({row[1] for row in found.values()}) == 1, "they begin with the same weights"
    last = {name: row[-1] for name, row in found.items()}
    assert last["batch"] > last["mini-batch"] > last["stochastic"] and last["online"] < 0.001


def test_regression_by_online_learning(printed):
    text = section(printed("notes/learning.py"), "Regression")
    for activation, bound, in_numpy in (("relu", 0.001, 0.0004), ("sigmoid", 0.004, 0.0020)):
        line = next(line for line in text.splitlines() if line.split()[:1] == [activation])
        medians = numbers(line.split(":")[1])
        assert len(medians) == 10 and medians[-1] < bound and medians[-1] < medians[0] / 100
        assert in_numpy / 3 < medians[-1] < in_numpy * 3  # the source's figures, of other draws


# -------------------------------------------------------------------------------------------------------- C, traps


def test_the_second_trap(printed):
    text = section(printed("notes/traps.py"), "ReLU forward")
    assert 'layer "notes.mixed" is refused' in text and "numerical differentiation" in text
    relu, mixed = (float(x) for x in re.findall(r"median of 20 seeds: (\S+)", text))
    assert relu < 0.001 and mixed > 5 * relu
    verdicts = dict(re.findall(r"^ +(dense_\d\.\w) .*?(ok|WRONG)$", text, re.M))
    assert verdicts == {"dense_1.W": "WRONG", "dense_1.b": "WRONG", "dense_2.W": "ok", "dense_2.b": "ok"}


def test_the_stop_at_nan(printed):
    text = section(printed("notes/traps.py"), "Inputs from -5 to 5")
    message = re.search(r'"(\w+)": its values became NaN or infinite; step (\d+) was not taken', text)
    steps = numbers(re.search(r"seeds 0 to 19: (.*)", text).group(1))
    assert message is not None and int(message.group(2)) == steps[0]
    assert len(steps) == 20 and max(steps) < 1000
    assert "and finite" in text


# ---------------------------------------------------------------------------------------------------- C, gradients


def test_numerical_differentiation_and_its_cost(printed):
    text = section(printed("notes/gradients.py"), "Numerical differentiation")
    differences = [float(x) for x in re.findall(r"largest difference is (\S+)", text)]
    assert len(differences) == 4 and max(differences) < 1e-8
    assert "940 weights: 1880 losses" in text
    assert int(re.search(r"is (\d+) times as fast", text).group(1)) > 20


def test_the_delta_is_used_again(printed):
    text = section(printed("notes/gradients.py"), "What backpropagation stores")
    delta = numbers(re.search(r"delta2 = \[(.*?)\]", text).group(1))
    assert (
        len(delta) == 3 and abs(sum(delta)) < 1e-7 and delta[2] < 0 < min(delta[:2])
    )  # softmax minus one-hot
    assert "784-50-10: 40300 with delta2 and delta1, 510100 path by path" in text


def test_vanishing_gradients_and_sparsity(printed):
    text = section(printed("notes/gradients.py"), "Gradients through 20")
    ratios = [float(x) for x in re.findall(r"the first is (\S+) of the last", text)]
    assert ratios[0] < 1e-9 and 0.05 < ratios[1] < 20
    text = section(printed("notes/gradients.py"), "Sparsity")
    shares = [int(x) for x in re.findall(r"(\d+) %", text)]
    assert shares[:3] == [0, 0, 0] and all(30 < share < 70 for share in shares[3:])


# --------------------------------------------------------------------------------------------------- C, separation


def test_a_step_unit_separates_only_linearly(printed):
    text = section(printed("notes/separation.py"), "One step unit")
    for name, table in (("AND", [0, 0, 0, 1]), ("OR", [0, 1, 1, 1])):
        w0, w1, b = numbers(
            re.search(rf"{name} .*step\((\S+) x0 \+ (\S+) x1 (\S+)\)", text)
            .expand(r"\1 \2 \3")
            .replace("+", "")
        )
        assert_array_equal([w0 * i + w1 * j + b > 0 for i in (0, 1) for j in (0, 1)], table)
    assert "no weights are found" in text and "XOR: 0" in text
    # Independent of the engine: the grid's weights that are right.
    w = np.linspace(-2, 2, 41)
    u = [w[:, None, None] * i + w[None, :, None] * j + w[None, None, :] for i in (0, 1) for j in (0, 1)]
    for name, table in (("AND", [0, 0, 0, 1]), ("OR", [0, 1, 1, 1]), ("XOR", [0, 1, 1, 0])):
        right = np.logical_and.reduce([(x > 0) == bool(t) for x, t in zip(u, table)]).sum()
        found = int(re.search(rf"{name}: (\d+)", text).group(1))
        # The grid has sums that are 0 but for rounding.
        assert abs(found - right) <= 0.1 * right


def test_a_linear_stack_is_a_line(printed):
    text = section(printed("notes/separation.py"), "Three layers")
    linear, tanh = (float(x) for x in re.findall(r"loss (\S+)", text))
    x = np.linspace(-1, 1, 101)
    slope = (x * np.sin(3 * x)).sum() / (x * x).sum()  # of the best line, through 0 for an odd function
    assert_allclose(linear, ((slope * x - np.sin(3 * x)) ** 2).mean(), atol=1e-6)
    assert tanh < linear / 1000


# --------------------------------------------------------------------------------------------------------- B and E


def test_the_loss_surface(printed):
    text = printed("loss_surface.py")
    assert "1681 points" in text and "lowest at w = 2, b = 1, where it is 0" in text
    assert "SX2 = 2.5, SY2 = 15, SXY = 5, SY = 5, SX = 0; n = 5" in text
    for b in (10, 5, 1, -5, -10):
        row = numbers(re.search(rf"b = +{b}: (.*)", text).group(1))
        assert_allclose(row, [0.5 * (w - 2) ** 2 + (b - 1) ** 2 for w in range(-10, 11, 2)])
    for step, w, b in re.findall(r"step +(\d+): w = (\S+), b = (\S+), loss", text):
        assert_allclose([float(w), float(b)], [2 + 0.9 ** int(step), 1 + 0.8 ** int(step)], atol=1e-6)
    assert numbers(re.search(r"after +\[(.*)\]", text).group(1)) == [-1, 0, 1, 2, 3]


def test_three_factors_of_the_example(printed):
    text = printed("three_factors.py")
    count, worst = re.search(r"engine, (\d+) cases .*: worst difference (\S+)", text).groups()
    assert int(count) > 500 and float(worst) <= 1e-12
    products = re.findall(r"^    dE/d\w+\[.*?\] = (.*) = (\S+)$", text, re.M)
    assert len(products) == 12
    for factors, product in products:
        parts = [float(number) for number in re.findall(r"(-?\d+\.\d+) \(", factors)]
        assert_allclose(np.prod(parts), float(product), atol=1e-5)
    sums = re.findall(r"k = 0: .* = (\S+)\n        k = 1: .* = (\S+)\n.*?= (\S+) \(error: their sum\)", text)
    assert len(sums) == 6
    for first, second, total in sums:
        assert_allclose(float(first) + float(second), float(total), atol=2e-6)
    assert "(dE/du_k)" in text  # softmax


def sigmoid(u):
    return 1 / (1 + np.exp(-u))


FUNCTIONS = {
    "identity": (lambda u: u, lambda u: np.ones_like(u)),
    "sigmoid": (sigmoid, lambda u: sigmoid(u) * (1 - sigmoid(u))),
    "tanh": (np.tanh, lambda u: 1 - np.tanh(u) ** 2),
    "relu": (lambda u: np.maximum(u, 0), lambda u: (u > 0) * 1.0),
    "softplus": (lambda u: np.log1p(np.exp(u)), sigmoid),
    "softsign": (lambda u: u / (1 + np.abs(u)), lambda u: 1 / (1 + np.abs(u)) ** 2),
}
LOSSES = {
    "half": (dp.MeanSquaredError(half=True, reduction="sum"), lambda y, t: y - t),
    "mean": (dp.MeanSquaredError(), lambda y, t: 2 * (y - t) / y.size),
    "absolute": (dp.MeanAbsoluteError(reduction="sum"), lambda y, t: np.sign(y - t)),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("output", FUNCTIONS)
@pytest.mark.parametrize("hidden", FUNCTIONS)
def test_the_formula_in_numpy(hidden, output, loss, rng):
    """E: all of it in NumPy; the engine computes only the gradients that are compared."""
    net = dp.Sequential(
        [dp.Dense(4, activation=hidden), dp.Dense(2, activation=output)],
        input_shape=(3,),
        dtype="float64",
        seed=2,
        names="book",
    )
    net.parameters.update(b1=rng.normal(size=4), b2=rng.normal(size=2))
    x, t, p = rng.normal(size=3), rng.normal(size=2), net.parameters
    (f_h, slope_h), (f_y, slope_y) = FUNCTIONS[hidden], FUNCTIONS[output]
    u_j = x @ p["W1"] + p["b1"]
    u_k = f_h(u_j) @ p["W2"] + p["b2"]
    back_k = LOSSES[loss][1](f_y(u_k), t) * slope_y(u_k)
    back_j = np.array([sum(back_k[k] * p["W2"][j, k] for k in range(2)) for j in range(4)]) * slope_h(u_j)
    found = net.gradients(x, t, loss=LOSSES[loss][0])
    expected = {"W1": np.outer(x, back_j), "b1": back_j, "W2": np.outer(f_h(u_j), back_k), "b2": back_k}
    for name, gradient in expected.items():
        assert_allclose(found[name], gradient, rtol=0, atol=1e-12, err_msg=name)


# ------------------------------------------------------------------------------------------------------------ in C


@pytest.mark.parametrize("language", ["c11", "c++17"])
@pytest.mark.parametrize("name", ["study_notes", "online_regression", "three_factors"])
def test_examples_in_c(name, language, tmp_path):
    source, program = ROOT / "examples" / "c" / f"{name}.c", tmp_path / name
    compiler = ["cc"] if language == "c11" else ["c++", "-x", "c++"]
    strict = [f"-std={language}", "-O2", "-Wall", "-Wextra", "-Werror", "-pedantic-errors"]
    library = [f"-L{ROOT / 'build'}", f"-Wl,-rpath,{ROOT / 'build'}", "-ldenpa", "-lm"]
    subprocess.run(
        [*compiler, *strict, f"-I{ROOT / 'include'}", str(source), "-o", str(program), *library], check=True
    )
    done = subprocess.run([str(program)], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode == 0 and done.stderr == "", done.stdout + done.stderr
    if name == "study_notes":
        for line in ("z1         = 0.6 1.3 2", "y          = 1.56 3.222", "sum of z1  = 3.9"):
            assert line in done.stdout
        assert len(re.findall("WRONG", done.stdout)) == 2
    elif name == "three_factors":
        lines = re.findall(r"W[12]\[.*?\]: +(\S+) \* +(\S+) \* +(\S+) = +(\S+)", done.stdout)
        assert len(lines) == 20
        for *factors, product in lines:
            assert_allclose(np.prod([float(factor) for factor in factors]), float(product), atol=3e-6)
        assert float(re.search(r"trainer's gradients is (\S+)", done.stdout).group(1)) <= 1e-12
    else:
        last = {
            kind: float(v) for kind, v in re.findall(r"(\w+) +median of 20 seeds: .* and (\S+)", done.stdout)
        }
        assert last["relu"] < 0.001 and last["sigmoid"] < 0.004
        assert re.search(r"DENPA_NOT_FINITE: .*step \d+ was not taken", done.stdout)
        assert "for 20 of 20 seeds" in done.stdout
