"""Checks of learning: gradients, the open loop, steps of the optimizers, fit, evaluate."""

from __future__ import annotations

import numpy as np

from denpa.errors import NotFound

from . import engine
from .data import output_gradients
from .graph import Pass
from .optimizers import OPTIMIZERS
from .tracked import FLOORS, UNITS, Precision, Tracked


def check(case):
    open_loop(case)
    if not case.net.losses:
        return
    gradients(case)
    if case.net.trained:
        # Steps that change what a unit computes by little, however many inputs it has: nothing is to diverge.
        widest = max(p.shape[0] if p.shape else 1 for p in case.net.trained)
        rate = case.spec["rate"] / max(1.0, case.steepest) / max(1.0, widest / 20)
        case.optimizer = [case.spec["optimizer"][0], {**case.spec["optimizer"][1], "learning_rate": rate}]
        steps(case)
        fit(case)
    evaluate(case)


# -- gradients ------------------------------------------------------------------------------------------------------------
def gradients(case):
    """Loss and gradients by `denpa_trainer_gradients`, by every number of threads; added up where they are asked for twice."""
    spec, case.steepest = case.spec, 0.0
    trainers = [
        engine.Trainer(case.model, spec["max_batch"], threads, input_gradients=spec["input_gradients"])
        for threads in spec["threads"]]
    frozen = [p for p in case.net.parameters if p not in case.net.trained]
    for parameter in frozen[:1]:
        try:
            trainers[0].gradient(parameter.name)
            case.fail("gradients", "frozen", f"{parameter.name} is frozen and has a gradient")
        except NotFound:
            pass
    for turn, (first, rows) in enumerate(case.slices()):
        with case.checking("gradients"):
            inputs, targets = (case.fenced(case.part(a, first, rows)) for a in (case.inputs, case.targets))
            with Precision(case.dtype):
                reference = case.reference(first, rows)
                loss, by_outputs = reference.loss(case.part(case.targets, first, rows))
                by_inputs, by_parameters = reference.backward(by_outputs)
            case.steepest = max(
                [case.steepest, *(float(np.abs(g.v).max(initial=0)) for g in by_parameters.values())])
            results = []
            for threads, trainer in zip(spec["threads"], trainers):
                if turn:
                    trainer.zero()
                into = case.gradient_room(rows)
                got = trainer.gradients(inputs, targets, into)
                results.append((got, into, trainer.all_gradients()))
                if threads > 1:
                    for what, a, b in zip(("loss", "input gradient", "gradient"), results[0], results[-1]):
                        case.same("gradients", "threads", a, b, what, rows=rows, threads=threads)
            got, into, of_parameters = results[0]
            case.close("gradients", "loss", got, loss, "loss", rows=rows)
            compare(case, "gradients", into, of_parameters, by_inputs, by_parameters, rows)
            if turn == 0:
                again = trainers[0].gradients(inputs, targets)
                case.same("gradients", "loss again", got, again, "loss", rows=rows)
                with Precision(case.dtype):
                    twice = {name: g + g for name, g in by_parameters.items()}
                compare(case, "gradients added up", None, trainers[0].all_gradients(), by_inputs, twice, rows)
            if rows == 1:
                sample(case, trainers[-1], inputs, targets, results[0])
    for trainer in trainers:
        trainer.close()


def compare(case, name, into, of_parameters, by_inputs, by_parameters, rows):
    for place, array in enumerate(into or []):
        if array is not None:
            number = case.net.used[place]
            case.close(name, "inputs", array, by_inputs[number], f"input gradient {place}", rows=rows)
    for parameter, expected in by_parameters.items():
        case.close(name, "parameters", of_parameters[parameter], expected, f"gradient {parameter}", rows=rows)


def sample(case, trainer, inputs, targets, expected):
    """One sample without the batch."""
    trainer.zero()
    into = case.gradient_room(1)
    got = trainer.gradients(inputs, targets, into, sample=True)
    loss, of_inputs, of_parameters = expected
    # Added to zeros, here in any case and there perhaps not: then −0 becomes 0.
    of_parameters = {name: gradient + case.type(0) for name, gradient in of_parameters.items()}
    expected = (loss, of_inputs, of_parameters)
    for what, a, b in zip(("loss", "input gradient", "gradient"), expected, (got, into, trainer.all_gradients())):
        case.same("gradients", "one sample without the batch", a, b, what, rows=1)


def open_loop(case):
    """forward and backward with gradients of the caller's, and with those of the losses."""
    spec = case.spec
    trainers = [
        engine.Trainer(
            case.model, spec["max_batch"], threads, input_gradients=spec["input_gradients"],
            with_losses=threads > 1 and bool(case.net.losses))
        for threads in spec["threads"]]
    for first, rows in case.slices():
        with case.checking("open loop"):
            inputs = case.fenced(case.part(case.inputs, first, rows))
            given = output_gradients(case.net, rows)
            doutputs = [None if array is None else case.fence.copy(array, case.type) for array in given]
            results = []
            for threads, trainer in zip(spec["threads"], trainers):
                trainer.zero()
                outputs, into = case.output_room(rows), case.gradient_room(rows)
                trainer.forward(inputs, outputs)
                trainer.backward(doutputs, into)
                results.append((outputs, into, trainer.all_gradients()))
                if threads > 1:
                    for what, a, b in zip(("output", "input gradient", "gradient"), results[0], results[-1]):
                        case.same("open loop", "threads", a, b, what, rows=rows, threads=threads)
            outputs, into, of_parameters = results[0]
            with Precision(case.dtype):
                reference = case.reference(first, rows)
                by_inputs, by_parameters = reference.backward([None if a is None else Tracked(a) for a in given])
            for number, expected in enumerate(reference.outputs()):
                case.close("open loop", "values", outputs[number], expected, f"output {number}", rows=rows)
            compare(case, "open loop", into, of_parameters, by_inputs, by_parameters, rows)
            plain = case.output_room(rows)
            trainers[0].forward(inputs, plain, training=False)
            case.same("open loop", "as predict does", case.predicted[first, rows], plain, "output", rows=rows)
            if case.net.losses:
                by_losses(case, trainers[-1], inputs, first, rows)
    for trainer in trainers:
        trainer.close()


def by_losses(case, trainer, inputs, first, rows):
    """backward with the gradients of the losses gives what `denpa_trainer_gradients` gives."""
    with Precision(case.dtype):
        reference = case.reference(first, rows)
        _, by_outputs = reference.loss(case.part(case.targets, first, rows))
        by_inputs, by_parameters = reference.backward(by_outputs)
    doutputs = [None if g is None else case.fence.copy(g.v, case.type) for g in by_outputs]
    trainer.zero()
    outputs, into = case.output_room(rows), case.gradient_room(rows)
    trainer.forward(inputs, outputs)
    trainer.backward(doutputs, into)
    compare(case, "open loop by losses", into, trainer.all_gradients(), by_inputs, by_parameters, rows)


# -- steps ----------------------------------------------------------------------------------------------------------------
def steps(case):
    """Steps over batches of changing sizes: train_batch, gradients and step, and NumPy's update agree."""
    spec = case.spec
    sequence = [*case.slices()]
    if not spec["large"]:
        sequence += [sequence[0], sequence[0], sequence[-1]]
    models = [case.model.copy() for _ in range(len(spec["threads"]) + 1)]
    trainers = [
        engine.Trainer(model, spec["max_batch"], threads, case.optimizer)
        for model, threads in zip(models, [*spec["threads"], spec["threads"][-1]])]
    by_hand, update = trainers[-1], OPTIMIZERS[case.optimizer[0]](case.optimizer[1])
    weights, turn = by_hand.weights(), 0
    for first, rows in sequence:
        with case.checking("steps"):
            inputs, targets = (case.fenced(case.part(a, first, rows)) for a in (case.inputs, case.targets))
            results = []
            for threads, trainer in zip(spec["threads"], trainers):
                loss = trainer.train(inputs, targets, sample=rows == 1 and turn % 2 == 1)
                results.append((loss, trainer.weights()))
                for what, a, b in zip(("loss", "weights"), results[0], results[-1]):
                    case.same("steps", "threads", a, b, what, rows=rows, threads=threads)
            before = weights
            if rows == 0:
                case.same("steps", "no rows", 0.0, results[0][0], "loss", rows=0)
                case.same("steps", "no rows", before, results[0][1], "weights", rows=0)
                continue
            turn += 1
            by_hand.zero()
            loss = by_hand.gradients(inputs, targets)
            slopes = by_hand.all_gradients()
            by_hand.step()
            weights = by_hand.weights()
            case.same("steps", "gradients and step", results[0][0], loss, "loss", rows=rows)
            case.same("steps", "gradients and step", results[0][1], weights, "weights", rows=rows)
            updated(case, update, before, slopes, weights, turn, rows)
    for owner in (*trainers, *models):
        owner.close()


def updated(case, update, before, slopes, weights, turn, rows):
    """New weights are NumPy's update of those before; frozen ones are those before."""
    update.begin()
    trained = {p.name for p in case.net.trained}
    for name, was in before.items():
        if name not in trained:
            case.same("steps", "frozen", was, weights[name], name, rows=rows)
            continue
        new, size = update.step(name, was.astype(np.float64), slopes[name].astype(np.float64))
        bound = Tracked(new, (8 + 4 * turn) * UNITS[case.dtype] * size)
        case.close("steps", "update", weights[name], bound, name, rows=rows)


# -- whole data -----------------------------------------------------------------------------------------------------------
def strided(case, arrays, turn):
    """The arrays in other memory: some columns of a table, transposed, backwards, in another dtype, as they are."""
    result = []
    for number, array in enumerate(arrays):
        way = (turn + number) % 5 if not case.spec["large"] else 0
        if way == 1:
            table = case.fence.room(array.dtype, (array.shape[0], 2, *array.shape[1:], 3))
            table[:, 1, ..., 1] = array
            array = table[:, 1, ..., 1]
        elif way == 2:
            other = case.fence.room(array.dtype, array.T.shape)
            other[...] = array.T
            array = other.T
        elif way == 3:
            array = case.fence.copy(array[::-1])[::-1]
        elif way == 4 and array.dtype.kind == "f":
            array = case.fence.copy(array, np.float64 if array.dtype == np.float32 else np.float32)
        else:
            array = case.fence.copy(array)
        result.append(array)
    return result


def evaluate(case):
    """The mean loss over all rows, in batches as large as may be, and how many rows are right."""
    rows, most = case.spec["rows"], case.spec["max_batch"]
    with case.checking("evaluate"), engine.Trainer(case.model, most, case.spec["threads"][-1]) as trainer:
        with Precision(case.dtype):
            total, hits, unsure, decisions = Tracked(0.0), 0, 0, 0
            for first in range(0, rows, most):
                count = min(most, rows - first)
                reference, targets = case.reference(first, count), case.part(case.targets, first, count)
                total = total + reference.loss(targets)[0] * (count / rows)
                loss = case.net.losses[0]
                if loss["kind"].endswith("cross_entropy"):
                    y = reference.values[case.net.outputs[loss["output"]]]
                    sure, open_, all_ = right(y, targets[0])
                    hits, unsure, decisions = hits + sure, unsure + open_, decisions + all_
        for turn in range(2 if case.spec["large"] else 3):
            loss, accuracy = trainer.evaluate(*(strided(case, a, turn) for a in (case.inputs, case.targets)))
            case.close("evaluate", "loss", loss, total, "loss", rows=rows)
            if decisions:
                if not hits - 1e-6 <= accuracy * decisions <= hits + unsure + 1e-6:
                    case.fail("evaluate", "accuracy", f"{accuracy}, expected {hits} to {hits + unsure} of {decisions}")
            elif not np.isnan(accuracy):
                case.fail("evaluate", "accuracy", f"{accuracy}, expected NaN: there are no classes")


def right(y, target):
    """(rows that are right, rows that rounding decides, rows)."""
    classes = y.shape[-1]
    values, errors = y.v.reshape(-1, classes), np.broadcast_to(y.e, y.shape).reshape(-1, classes)
    if not len(values):
        return 0, 0, 0
    as_rows = target.shape == y.shape and not (target.dtype.kind in "iu" and classes == 1)
    wanted = target.reshape(-1, classes).argmax(axis=1) if as_rows else target.reshape(-1).astype(np.int64)
    chosen = values.argmax(axis=1)
    most = values.max(axis=1, keepdims=True)
    own = np.take_along_axis(errors, chosen[:, None], axis=1)
    rivals = (values + 2 * errors >= most - 2 * own).sum(axis=1) > 1
    hits = (chosen == wanted) & ~rivals
    return int(hits.sum()), int(rivals.sum()), len(values)


def fit(case):
    """fit in the given order is a loop of train_batch; for small networks a loop in NumPy too."""
    rows, (batch, epochs) = case.spec["rows"], case.spec["fit"]
    last = case.spec["threads"][-1]
    with case.checking("fit"), case.model.copy() as one, case.model.copy() as other, case.model.copy() as third:
        with engine.Trainer(one, case.spec["max_batch"], last, case.optimizer) as fitting, engine.Trainer(
                other, case.spec["max_batch"], 1, case.optimizer) as stepping, engine.Trainer(
                third, case.spec["max_batch"], 2, case.optimizer) as striding:
            loss = fitting.fit(case.fenced(case.inputs), case.fenced(case.targets), batch, epochs)
            for _ in range(epochs):
                mean = 0.0
                for first in range(0, rows, batch):
                    count = min(batch, rows - first)
                    given = (case.fenced(case.part(a, first, count)) for a in (case.inputs, case.targets))
                    mean += stepping.train(*given) * count
            weights = stepping.weights()
            case.same("fit", "as train_batch does", weights, one.parameters(), "weights", rows=batch)
            if abs(loss - mean / rows) > 1e-9 * (1 + abs(loss)):
                case.fail("fit", "loss", f"{loss}, expected {mean / rows}")
            again = striding.fit(
                strided(case, case.inputs, 1 + case.spec["seed"] % 3), strided(case, case.targets, 2), batch, epochs)
            case.same("fit", "strided", weights, third.parameters(), "weights", rows=batch)
            case.same("fit", "strided", loss, again, "loss", rows=batch)
        if case.dtype == "float64" and not case.spec["large"]:
            in_numpy(case, batch, epochs, weights)


def in_numpy(case, batch, epochs, weights):
    """The same training without the engine."""
    values = {name: value.astype(np.float64) for name, value in case.parameters.items()}
    update, rows = OPTIMIZERS[case.optimizer[0]](case.optimizer[1]), case.spec["rows"]
    arrays = [np.zeros((rows, *given["shape"])) for given in case.spec["inputs"]]
    for number, array in zip(case.net.used, case.inputs):
        arrays[number] = array
    sizes = {name: np.abs(value) for name, value in values.items()}
    for _ in range(epochs):
        for first in range(0, rows, batch):
            count = min(batch, rows - first)
            now = Pass(case.net, case.part(arrays, first, count), values)
            _, slopes = now.backward(now.loss(case.part(case.targets, first, count))[1])
            update.begin()
            for parameter in case.net.trained:
                name = parameter.name
                values[name], size = update.step(name, values[name], slopes[name].v)
                sizes[name] = np.maximum(sizes[name], size)
    for name, value in values.items():
        bound = Tracked(value, 1e-7 * sizes[name] + 1e-5 * case.optimizer[1]["learning_rate"] + FLOORS["float64"])
        case.close("fit", "as NumPy does", weights[name], bound, name, rows=batch)
