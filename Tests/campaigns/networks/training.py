"""Checks of learning: the optimizers' steps, fit, evaluate."""

from __future__ import annotations

import numpy as np

from . import engine, searching
from .data import generator
from .disturbing import disturb, otherwise, published, shuffled
from .graph import Pass
from .losses import OF_CLASSES
from .optimizers import OPTIMIZERS
from .tracked import FLOORS, UNITS, Precision, Tracked

# How far the gradients of a second training are off at most: more than by rounding in float64, less than by
# any difference that matters. Their bounds are larger only where rounding decides, as about the direction of
# a row that is nearly 0.
NUDGE = 1e-12


def check(case):
    if not case.net.losses:
        return
    if case.net.trained:
        # Steps change what a unit computes only a little, however many inputs it has, so that nothing
        # diverges.
        widest = max(p.shape[0] if p.shape else 1 for p in case.net.trained)
        rate = case.spec["rate"] / max(1.0, case.steepest) / max(1.0, widest / 20)
        if any(term["weight"] < 0 for term in case.net.losses):
            rate /= 100  # such a loss diverges in the end
        case.optimizer = [case.spec["optimizer"][0], {**case.spec["optimizer"][1], "learning_rate": rate}]
        steps(case)
        fit(case)
        searching.check(case)
    evaluate(case)


# -- steps ---------------------------------------------------------------------------------------------------
def steps(case):
    """Checks steps over batches of changing sizes: train_batch, gradients with step, and NumPy's update
    agree.
    """
    spec = case.spec
    sequence = [*case.slices()]
    if not spec["large"]:
        sequence += [sequence[0], sequence[0], sequence[-1]]
    # A trainer has several copies of its parameters, so large networks have fewer trainers.
    threads_of = spec["threads"] if not spec["large"] else sorted({spec["threads"][0], spec["threads"][-1]})
    models = [case.model.copy() for _ in range(len(threads_of) + 1)]
    trainers = [
        case.trainer(threads, model=model, optimizer=case.optimizer)
        for model, threads in zip(models, [*threads_of, threads_of[-1]])
    ]
    by_hand, update = trainers[-1], OPTIMIZERS[case.optimizer[0]](case.optimizer[1])
    weights, turn = case.learned(by_hand.weights()), 0
    session = engine.Session(models[0], spec["max_batch"], 2)
    for first, rows in sequence:
        with case.checking("steps"):
            inputs, targets = (case.fenced(case.part(a, first, rows)) for a in (case.inputs, case.targets))
            if turn == 2:
                update.of["learning_rate"] *= 0.5
                for trainer in trainers:
                    trainer.rate(update.of["learning_rate"])
            results = []
            for threads, trainer in zip(threads_of, trainers):
                given = inputs, targets
                if trainer is trainers[1] and not spec["large"]:
                    disturb(case, trainer, first, rows)
                elif trainer is trainers[2 % len(threads_of)] and not spec["large"]:
                    given = otherwise(case, inputs, turn), otherwise(case, targets, turn + 1)
                loss = trainer.train(*given, sample=rows == 1 and turn % 2 == 1)
                results.append((loss, case.learned(trainer.weights())))
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
            weights = case.learned(by_hand.weights())
            case.same("steps", "gradients and step", results[0][0], loss, "loss", rows=rows)
            case.same("steps", "gradients and step", results[0][1], weights, "weights", rows=rows)
            case.digest("steps", *results[0])
            updated(case, update, before, slopes, weights, turn, rows)
    if not spec["large"]:
        with case.checking("steps"):
            published(case, models[0], session, trainers[0].weights())
    for owner in (session, *trainers, *models):
        owner.close()


def updated(case, update, before, slopes, weights, turn, rows):
    """Checks that the new weights are NumPy's update of the previous ones, and that frozen ones are
    unchanged.
    """
    update.begin()
    trained = {p.name for p in case.net.trained}
    for name, was in before.items():
        if name not in trained:
            case.same("steps", "frozen", was, weights[name], name, rows=rows)
            continue
        new, size = update.step(name, was.astype(np.float64), slopes[name].astype(np.float64))
        flushed = update.flushed(float(np.finfo(case.type).tiny))
        bound = Tracked(new, (8 + 4 * turn) * UNITS[case.dtype] * size + flushed)
        case.close("steps", "update", weights[name], bound, name, rows=rows)


# -- whole data ----------------------------------------------------------------------------------------------
def strided(case, arrays, turn):
    """Returns the arrays in other memory: as columns of a table, transposed, reversed, in another dtype, or
    unchanged.
    """
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
    """Checks the mean loss over all rows, in batches as large as possible, and the number of rows that are
    right.
    """
    rows, most = case.spec["rows"], case.spec["max_batch"]
    with case.checking("evaluate"), engine.Trainer(case.model, most, case.spec["threads"][-1]) as trainer:
        with Precision(case.dtype):
            total, hits, unsure, decisions = Tracked(0.0), 0, 0, 0
            for first in range(0, rows, most):
                count = min(most, rows - first)
                reference, targets = case.reference(first, count), case.part(case.targets, first, count)
                total = total + reference.loss(targets, rows)[0]
                loss = case.net.losses[0]
                if loss["kind"] in OF_CLASSES:
                    y = reference.values[case.net.outputs[loss["output"]]]
                    gone = loss["attributes"].get("ignored", [])
                    sure, open_, all_ = right(y, targets[0], FLOORS[case.dtype], gone)
                    hits, unsure, decisions = hits + sure, unsure + open_, decisions + all_
        for turn in range(2 if case.spec["large"] else 3):
            loss, accuracy = trainer.evaluate(*(strided(case, a, turn) for a in (case.inputs, case.targets)))
            case.close("evaluate", "loss", loss, total, "loss", rows=rows)
            if decisions:
                if not hits - 1e-6 <= accuracy * decisions <= hits + unsure + 1e-6:
                    case.fail(
                        "evaluate",
                        "accuracy",
                        f"{accuracy}, expected {hits} to {hits + unsure} of {decisions}",
                    )


def right(y, target, floor, ignored):
    """Returns the number of rows that are right, of those that rounding decides, and of all rows. Rows of
    ignored classes do not count.
    """
    classes = y.shape[-1]
    values, errors = y.v.reshape(-1, classes), np.broadcast_to(y.e, y.shape).reshape(-1, classes) + floor
    if not len(values):
        return 0, 0, 0
    as_rows = target.shape == y.shape and not (target.dtype.kind in "iu" and classes == 1)
    wanted = target.reshape(-1, classes).argmax(axis=1) if as_rows else target.reshape(-1).astype(np.int64)
    chosen = values.argmax(axis=1)
    most = values.max(axis=1, keepdims=True)
    own = np.take_along_axis(errors, chosen[:, None], axis=1)
    rivals = (values + 2 * errors >= most - 2 * own).sum(axis=1) > 1
    counts = np.full(len(values), True) if as_rows else ~np.isin(wanted, ignored)
    hits = (chosen == wanted) & ~rivals & counts
    return int(hits.sum()), int((rivals & counts).sum()), int(counts.sum())


def fit(case):
    """Checks that fit in the given order equals a loop of train_batch, also with batches from a callback, and
    for small networks a loop in NumPy.
    """
    rows, (batch, epochs) = case.spec["rows"], case.spec["fit"]
    last = case.spec["threads"][-1]

    def parts(first):
        count = min(batch, rows - first)
        return [case.fenced(case.part(arrays, first, count)) for arrays in (case.inputs, case.targets)]

    def learned(threads, learn):
        """Returns what `learn` returns for a new trainer, and the weights afterwards."""
        with (
            case.model.copy() as model,
            engine.Trainer(model, case.spec["max_batch"], threads, case.optimizer) as trainer,
        ):
            return learn(trainer), trainer.weights()

    sums = {term["attributes"].get("reduction") == "sum" for term in case.net.losses}

    def stepping(trainer):
        """Returns the last epoch's loss, which cannot be computed from those of the steps if sums and means
        are mixed.
        """
        for _ in range(epochs):
            steps = [
                (trainer.train(*parts(first)), min(batch, rows - first)) for first in range(0, rows, batch)
            ]
        if len(sums) > 1 or any(term["attributes"].get("ignored") for term in case.net.losses):
            return None
        return sum(loss if sums == {True} else loss * count / rows for loss, count in steps)

    with case.checking("fit"):
        mean, weights = learned(1, stepping)
        loss, found = learned(
            last, lambda t: t.fit(case.fenced(case.inputs), case.fenced(case.targets), batch, epochs)
        )
        case.same("fit", "as train_batch does", weights, found, "weights", rows=batch)
        case.digest("fit", loss, found)
        if mean is not None and abs(loss - mean) > 1e-9 * (1 + abs(loss)):
            case.fail("fit", "loss", f"{loss}, expected {mean}")
        again, found = learned(
            2,
            lambda t: t.fit(
                strided(case, case.inputs, 1 + case.spec["seed"] % 3),
                strided(case, case.targets, 2),
                batch,
                epochs,
            ),
        )
        case.same("fit", "strided", weights, found, "weights", rows=batch)
        case.same("fit", "strided", loss, again, "loss", rows=batch)
        batches = [parts(first) for first in range(0, rows, batch)]
        again, found = learned(3, lambda t: t.fit_source(batches, epochs))
        case.same("fit", "source", weights, found, "weights", rows=batch)
        case.same("fit", "source", loss, again, "loss", rows=batch)
        if not case.spec["large"]:
            shuffled(case)
        if case.dtype == "float64" and not case.spec["large"] and OPTIMIZERS[case.optimizer[0]].continuous:
            in_numpy(case, batch, epochs, weights)


def in_numpy(case, batch, epochs, weights):
    """Checks that the same training without the engine has the same result.

    Training may enlarge rounding errors. Where a gradient is 0 in exact arithmetic, as that of a factor in
    front of a cosine similarity, its rounding errors are divided by Adam's epsilon alone, and weight_decay
    feeds them back: near a weight of 0, a step multiplies them by about rate * weight_decay / epsilon. A
    second training, whose gradients are off by the bounds of their errors, shows how far weights may be off.
    """
    trainings = [learning(case, batch, epochs, most) for most in (0.0, NUDGE)]
    apart = {name: 0.0 for name in case.parameters}
    for (values, sizes), (nudged, _) in zip(*trainings):
        for name in sizes:
            apart[name] = np.maximum(apart[name], np.abs(nudged[name] - values[name]))
    for name, value in case.learned(values).items():
        allowed = 1e-7 * sizes[name] + 1e-5 * case.optimizer[1]["learning_rate"] + FLOORS["float64"]
        bound = Tracked(value, allowed + 4 * apart[name])
        case.close("fit", "as NumPy does", weights[name], bound, name, rows=batch)


def learning(case, batch, epochs, most):
    """Trains in NumPy, with gradients that are off by the bounds of their errors, but by no more than `most`,
    up or down at random. Yields the parameters and the sizes of their terms before the first step and after
    each.
    """
    values = {name: value.astype(np.float64) for name, value in case.parameters.items()}
    update, rows = OPTIMIZERS[case.optimizer[0]](case.optimizer[1]), case.spec["rows"]
    arrays = [np.zeros((rows, *given["shape"])) for given in case.spec["inputs"]]
    for number, array in zip(case.net.used, case.inputs):
        arrays[number] = array
    sizes, draw = {name: np.abs(value) for name, value in values.items()}, generator(case.spec["seed"], 6)
    yield values, sizes
    for _ in range(epochs):
        for first in range(0, rows, batch):
            count = min(batch, rows - first)
            now = Pass(case.net, case.part(arrays, first, count), values, training=True)
            _, slopes = now.backward(now.loss(case.part(case.targets, first, count))[1])
            update.begin()
            for parameter in case.net.trained:
                name, slope = parameter.name, slopes[parameter.name]
                off = np.minimum(slope.e, most) * draw.choice([-1.0, 1.0], slope.shape)
                values[name], size = update.step(name, values[name], slope.v + off)
                sizes[name] = np.maximum(sizes[name], size)
            yield values, sizes
