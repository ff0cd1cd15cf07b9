"""Checks that do not concern learning: initial parameters, prediction, files."""

from __future__ import annotations

import numpy as np

from . import engine, opening


# The number of standard errors by which an initializer's mean and variance may be off.
DEVIATIONS = 7
# The activations before which "auto" is He's normal distribution, by the larger of the fans.
HALVING = {
    "relu", "gelu", "leaky_relu", "elu", "celu", "silu", "mish", "hard_swish", "relu6"
}
# The maximum number of rows for a real-time session, which prepares every number of rows.
REALTIME = 200


def check(case):
    initial(case)
    ports(case)
    predict(case)
    if not case.spec["large"]:
        forms(case)
        opening.check(case)
    files(case)


def automatic(vector, inputs, units, activation, weights):
    """Returns the standard deviation of "auto", with a mean of 0. weights: the kind of W's initializer."""
    is_linear = activation in (None, "identity")
    if vector:
        return 0.0 if is_linear or weights != "auto" else (1 / (3 * max(inputs, 1))) ** 0.5
    if is_linear:
        return (1 / ((3 if units == 1 else 1) * max(inputs, 1))) ** 0.5
    if activation in HALVING:
        return (2 / max(inputs, units, 1)) ** 0.5
    return (2 / max(inputs + units, 1)) ** 0.5


def moments(kind, given, shape, activation, weights):
    """Returns the mean and the standard deviation of an initializer's numbers; with a deviation of 0 all are
    equal. weights: the shape of the layer's weights and the kind of their initializer.
    """
    if kind == "auto":
        return 0.0, automatic(len(shape) < 2, *weights[0], activation, weights[1])
    fan_in = shape[0] if len(shape) > 1 else int(np.prod(shape))
    fan_out = shape[-1] if shape else 1
    low, high = given.get("low", 0.0), given.get("high", 1.0)
    return {
        "zeros": (0.0, 0.0),
        "ones": (1.0, 0.0),
        "constant": (given.get("value"), 0.0),
        "normal": (given.get("mean", 0.0), given.get("scale", 0.01)),
        "uniform": ((low + high) / 2, (high - low) / 12**0.5),
        "xavier": (0.0, (2 / max(fan_in + fan_out, 1)) ** 0.5),
        "he": (0.0, (2 / max(fan_in, 1)) ** 0.5),
        "xavier_uniform": (0.0, (2 / max(fan_in + fan_out, 1)) ** 0.5),
        "he_uniform": (0.0, (2 / max(fan_in, 1)) ** 0.5),
        "lecun": (0.0, (1 / max(fan_in, 1)) ** 0.5),
        "lecun_uniform": (0.0, (1 / max(fan_in, 1)) ** 0.5),
        "fan_uniform": (0.0, (1 / (3 * max(fan_in, 1))) ** 0.5),
        "truncated_normal": (given.get("mean", 0.0), 0.8796256610342398 * given.get("scale", 0.01)),
        "orthogonal": (0.0, 1 / max(fan_in, fan_out, 1) ** 0.5),
    }[kind]


def initial(case):
    """Checks that initial parameters have their initializers' distribution, and that float32 begins like
    float64.
    """
    with case.checking("initial"):
        for parameter in case.net.parameters:
            node, values = case.net.nodes[parameter.node], case.initial[parameter.name].astype(np.float64)
            if node.kind != "dense":
                continue
            kind, given = node.attributes.get(
                "bias_initializer" if values.ndim == 1 else "initializer", ["auto", {}]
            )
            activation = node.attributes.get("activation", [None])[0]
            weights = (
                case.initial[f"{node.name}.W"].shape,
                node.attributes.get("initializer", ["auto"])[0],
            )
            mean, deviation = moments(kind, given, values.shape, activation, weights)
            n = values.size
            if not deviation:
                if n and not (values == case.type(mean)).all():
                    case.fail(
                        "initial", "values", f"{parameter.name}: expected all {mean}, got {values.flat[0]}"
                    )
            elif n >= 100:
                error = DEVIATIONS * deviation / n**0.5
                spread = values.std() / deviation
                if abs(values.mean() - mean) > error or abs(spread - 1) > DEVIATIONS * 0.8 / n**0.5 + 1 / n:
                    case.fail(
                        "initial",
                        "values",
                        f"{parameter.name} ({kind}): mean {values.mean()}, expected {mean} ± {error};"
                        f" deviation {spread} times {deviation}",
                    )
        with case.model.copy() as again:
            again.initialize(case.spec["seed"])
            case.same("initial", "drawn again", case.initial, again.parameters(), "parameter")
        if case.dtype == "float32" and "float64" in case.spec["dtypes"]:
            with engine.Model(case.net, np.float64) as double:
                halves = {name: value.astype(np.float32) for name, value in double.parameters().items()}
                case.same("initial", "float32 and float64", case.initial, halves, "parameter")


def ports(case):
    """Checks that the model's shapes are those of the reference."""
    with case.checking("ports"):
        net = case.net
        code = {**engine.NAMES, "float": engine.DTYPES[np.dtype(case.type)]}
        wanted = [
            ("input", [(net.dtypes[number], net.shapes[number]) for number in net.used]),
            ("output", [(net.dtypes[value], net.shapes[value]) for value in net.outputs]),
        ]
        for kind, values in wanted:
            for number, (dtype, shape) in enumerate(values):
                _, given, dim = case.model.port(kind, number)
                if (given, dim) != (code[dtype], [-1, *shape]):
                    case.fail(
                        "ports", kind, f"{kind} {number}: expected {dtype} {[-1, *shape]}, got {given} {dim}"
                    )
        for number, parameter in enumerate(net.parameters):
            name, _, dim = case.model.port("parameter", number)
            if (name, dim) != (parameter.name, list(parameter.shape)):
                case.fail(
                    "ports", "parameter", f"expected {parameter.name} {parameter.shape}, got {name} {dim}"
                )


def predict(case):
    """Checks values for every number of rows and of threads, of rows alone and in a batch."""
    sessions = [
        engine.Session(case.model, case.spec["max_batch"], threads) for threads in case.spec["threads"]
    ]
    case.predicted = {}
    if (
        case.spec["max_batch"] <= REALTIME
        and not case.spec["large"]
        and not any("." in node.kind for node in case.net.nodes)
    ):
        sessions.append(engine.Session(case.model, case.spec["max_batch"], 1, realtime=True))
    threads_of = [*case.spec["threads"][1:], "1 (real time)"]
    for first, rows in case.slices():
        with case.checking("predict"):
            inputs = case.fenced(case.part(case.inputs, first, rows))
            outputs = case.output_room(rows)
            sessions[0].predict(inputs, outputs)
            expected = case.reference(first, rows).outputs()
            for number, (got, value) in enumerate(zip(outputs, expected)):
                case.close("predict", "values", got, value, f"output {number}", rows=rows)
            case.predicted[first, rows] = [output.copy() for output in outputs]
            case.digest("predict", outputs)
            for threads, session in zip(threads_of, sessions[1:]):
                others = case.output_room(rows)
                session.predict(inputs, others)
                case.same("predict", "threads", outputs, others, "output", rows=rows, threads=threads)
            if rows == 1:
                alone = case.output_room(1)
                sessions[-1].predict(inputs, alone, sample=True)
                case.same("predict", "one sample without the batch", outputs, alone, "output", rows=1)
    first, rows = max(case.slices(), key=lambda part: part[1])
    with case.checking("predict"):
        for row in sorted({0, rows // 2, rows - 1}) if rows > 1 else []:
            for count in {1, min(2, rows - row), (rows - row) // 2} - {0}:
                some = case.output_room(count)
                sessions[0].predict(case.fenced(case.part(case.inputs, first + row, count)), some)
                whole = [output[row : row + count] for output in case.predicted[first, rows]]
                case.same(
                    "predict",
                    "rows alone",
                    [np.ascontiguousarray(a) for a in whole],
                    some,
                    "output",
                    rows=rows,
                )
    for session in sessions:
        session.close()


def forms(case):
    """Checks that unaligned memory and other dtypes give the same bits."""
    first, rows = max(case.slices(), key=lambda part: part[1])
    given = case.part(case.inputs, first, rows)
    with case.checking("forms"), engine.Session(case.model, case.spec["max_batch"], 2) as session:

        def compare(what, inputs):
            outputs = case.output_room(rows)
            session.predict(inputs, outputs)
            case.same("forms", what, case.predicted[first, rows], outputs, "output", rows=rows)

        compare(
            "not aligned",
            [case.fence.copy(a, shift=1 + n % max(a.itemsize - 1, 1)) for n, a in enumerate(given)],
        )
        other = np.float64 if case.type is np.float32 else np.float32
        compare(
            "other dtypes", [case.fence.copy(a, other if a.dtype.kind == "f" else np.int64) for a in given]
        )
        whole = [
            case.fence.copy(a, np.int32 if case.spec["inputs"][number]["whole"] else a.dtype)
            for number, a in zip(case.net.used, given)
        ]
        compare("whole numbers", whole)


def files(case):
    """Checks that a saved and loaded model predicts the same bits and is saved as the same bytes."""
    first, rows = max(case.slices(), key=lambda part: part[1])
    with case.checking("files"):
        saved = case.model.save()
        with case.model.load(saved) as loaded:
            if loaded.save() != saved:
                case.fail("files", "bytes", "a loaded model is saved as other bytes")
            case.same("files", "parameters", case.parameters, loaded.parameters(), "parameter")
            with engine.Session(loaded, rows or 1, 1) as session:
                outputs = case.output_room(rows)
                session.predict(case.fenced(case.part(case.inputs, first, rows)), outputs)
                case.same("files", "predictions", case.predicted[first, rows], outputs, "output", rows=rows)
