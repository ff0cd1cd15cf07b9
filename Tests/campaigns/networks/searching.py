"""Checks of what steps do besides an optimizer's update: optimizers that evaluate the loss themselves, SAM,
averages of the weights.
"""

from __future__ import annotations

import itertools

import numpy as np

from .graph import Pass
from .tracked import FLOORS, UNITS, Precision, Tracked

# Losses that are never below a bound, so that a search for smaller ones ends.
BOUNDED = {
    "huber", "mean_absolute_error", "mean_squared_error", "softmax_cross_entropy", "sigmoid_cross_entropy"
}  # fmt: skip
MOST_WEIGHTS, MOST_ROWS = 120, 40  # of networks whose normal equations are solved
THREADS = (1, 2, 3, 8)


def check(case):
    """Checks the steps of one batch."""
    if case.spec["large"] or not case.net.trained or case.spec["rows"] > 300:
        return
    first, rows = max(case.slices(), key=lambda part: part[1])
    if not rows:
        return
    terms, turn = case.net.losses, case.spec["seed"] % 3
    squares = len(terms) == 1 and terms[0]["kind"] == "mean_squared_error" and terms[0]["weight"] > 0
    weights = sum(int(np.prod(p.shape)) for p in case.net.trained)
    checks = {
        "average": turn == 0,
        "sam": turn == 1,
        "lbfgs": turn == 2 and all(term["kind"] in BOUNDED and term["weight"] > 0 for term in terms),
        "levenberg_marquardt": (
            squares and not case.net.states and weights <= MOST_WEIGHTS and rows <= MOST_ROWS
        ),
    }
    for name in [name for name, wanted in checks.items() if wanted]:
        with case.checking(name):
            # The memory of the arrays ends with the check.
            batch = [case.fenced(case.part(a, first, rows)) for a in (case.inputs, case.targets)]
            CHECKS[name](case, batch, first, rows)


def runs(case, name, batch, rows, optimizer, steps, **more):
    """Trains with every number of threads, which must give the same bits. Returns the losses of the steps and
    the published weights before and after each of them.
    """
    found = []
    for threads in THREADS:
        with (
            case.model.copy() as model,
            case.trainer(threads, model=model, optimizer=optimizer, **more) as one,
        ):
            losses, weights = [], [case.learned(one.weights())]
            for _ in range(steps):
                losses.append(one.train(*batch))
                weights.append(case.learned(one.weights()))
        found.append((losses, weights))
        for what, a, b in zip(("loss", "weights"), found[0], found[-1]):
            case.same(name, "threads", a, b, what, rows=rows, threads=threads)
    interrupted(case, name, batch, rows, optimizer, steps, found[0], more)
    case.digest(name, *found[0])
    return found[0]


def interrupted(case, name, batch, rows, optimizer, steps, expected, more):
    """Checks that another trainer goes on where one was saved, as if there had been no interruption."""
    losses, half = [], steps // 2
    with case.model.copy() as model, case.trainer(2, model=model, optimizer=optimizer, **more) as one:
        losses += [one.train(*batch) for _ in range(half)]
        one.weights()
        with model.copy() as other, case.trainer(3, model=other, optimizer=optimizer, **more) as late:
            late.restore(one.remembered())
            if "average_decay" in more:
                return  # the weights that the average is made of are not those that are published
            losses += [late.train(*batch) for _ in range(half, steps)]
            case.same(name, "resumed", expected[0], losses, "loss", rows=rows)
            case.same(name, "resumed", expected[1][-1], case.learned(late.weights()), "weights", rows=rows)


def changed(case, before, after):
    """The names of the trained parameters, and the difference of their values."""
    return {p.name: after[p.name].astype(float) - before[p.name].astype(float) for p in case.net.trained}


# -- averages of weights -------------------------------------------------------------------------------------
def average(case, batch, first, rows):
    """decay·average + (1 − decay)·weights, or the mean of the weights, of the steps behind the first ones."""
    decay, after = case.spec["seed"] // 3 % 3, case.spec["seed"] // 9 % 3
    decay = (0.5, 0.9, 1.0)[decay]
    _, plain = runs(case, "average: none", batch, rows, case.optimizer, 4)
    more = {"average_decay": decay, "average_after": after}
    _, shown = runs(case, "average", batch, rows, case.optimizer, 4, **more)
    kept, sizes = {}, {}
    for step in range(1, 5):
        share = 1.0 if step <= after + 1 else 1 / (step - after) if decay == 1 else 1 - decay
        for parameter in case.net.trained:
            name, w = parameter.name, plain[step][parameter.name].astype(float)
            kept[name] = share * w + (1 - share) * (kept[name] if share < 1 else 0.0)
            sizes[name] = np.maximum(sizes.get(name, 0.0), np.abs(w))
            bound = Tracked(kept[name], 6 * step * UNITS[case.dtype] * sizes[name])
            case.close("average", "published", shown[step][name], bound, name, rows=rows)


# -- SAM -----------------------------------------------------------------------------------------------------
def sam(case, batch, first, rows):
    """w − rate·g(w + radius·g / ‖g‖), in one step of plain descent."""
    radius, rate = 0.05, case.optimizer[1]["learning_rate"]
    losses, weights = runs(case, "sam", batch, rows, ["sgd", {"learning_rate": rate}], 2, sam_radius=radius)
    if case.net.states:
        return
    with Precision(case.dtype):
        value, slopes = derivatives(case, first, rows, weights[0])
        case.close("sam", "loss", losses[0], value, "loss", rows=rows)
        square = sum(((g.v**2).sum() for g in slopes.values()), 0.0)
        errors = sum(((np.broadcast_to(g.e, g.shape) ** 2).sum() for g in slopes.values()), 0.0)
        norm = square**0.5
        if errors**0.5 > 0.1 * norm or norm < 1e-15:
            return  # the direction is one of rounding errors
        there = {}
        for p in case.net.trained:
            w, g = weights[0][p.name].astype(float), slopes[p.name]
            move = radius * g.v / norm
            e = radius / norm * (g.e + np.abs(g.v) * (errors**0.5 / norm + 8 * Tracked.unit))
            there[p.name] = Tracked(w + move, e + 2 * Tracked.unit * np.abs(w + move))
        _, slopes = derivatives(case, first, rows, weights[0], there)
        for p in case.net.trained:
            w, g = weights[0][p.name].astype(float), slopes[p.name]
            e = rate * (g.e + 4 * Tracked.unit * np.abs(g.v)) + 2 * Tracked.unit * np.abs(w)
            case.close("sam", "step", weights[1][p.name], Tracked(w - rate * g.v, e), p.name, rows=rows)


def derivatives(case, first, rows, weights, instead=()):
    """Returns the reference's loss and its gradients with other weights."""
    arrays = [np.zeros((rows, *given["shape"])) for given in case.spec["inputs"]]
    for number, array in zip(case.net.used, case.part(case.inputs, first, rows)):
        arrays[number] = array
    values = {**case.parameters, **weights, **dict(instead)}
    now = Pass(case.net, arrays, values, training=True)
    loss, by_outputs = now.loss(case.part(case.targets, first, rows))
    return loss, now.backward(by_outputs)[1]


# -- L-BFGS --------------------------------------------------------------------------------------------------
def lbfgs(case, batch, first, rows):
    first_step(case, batch, rows)
    descent(case, batch, rows)


def first_step(case, batch, rows):
    """With one iteration, the first step is rate·min(1, 1 / Σ|g|) long and is taken if the loss is smaller
    there.
    """
    given = {"learning_rate": 0.5, "iterations": 1, "gradient_tolerance": 1e-30, "change_tolerance": 1e-30}
    losses, weights = runs(case, "lbfgs", batch, rows, ["lbfgs", given], 1)
    with case.model.copy() as model, case.trainer(2, model=model, optimizer=["sgd", {}]) as other:
        loss = other.gradients(*batch)
        case.same("lbfgs", "loss before the step", loss, losses[0], "loss", rows=rows)
        slopes = {name: g.astype(float) for name, g in other.all_gradients().items()}
        total = sum(np.abs(g).sum() for g in slopes.values())
        length = 0.5 * min(1.0, 1 / total) if total else 0.0
        if any((weights[0][name] != weights[1][name]).any() for name in slopes):
            for name, g in slopes.items():
                w = weights[0][name].astype(float)
                e = 2 * UNITS[case.dtype] * (np.abs(w) + 200 * length * np.abs(g))
                bound = Tracked(w - length * g, e + length * FLOORS[case.dtype])
                case.close("lbfgs", "first step", weights[1][name], bound, name, rows=rows)
        elif total > 1e-9:
            model.set({name: (weights[0][name] - length * g).astype(case.type) for name, g in slopes.items()})
            other.refresh()
            there = other.gradients(*batch)
            if there < loss - 1e-5 * abs(loss):
                case.fail("lbfgs", "not taken", f"a step from {loss} to {there} was not taken", rows=rows)


def descent(case, batch, rows):
    """Whole calls never enlarge the loss; a call evaluates the loss where the one before it ended."""
    given = {"learning_rate": 1.0, "iterations": 6, "history": case.spec["seed"] // 3 % 4 + 1}
    losses, _ = runs(case, "lbfgs", batch, rows, ["lbfgs", given], 4)
    if any(not b <= a for a, b in itertools.pairwise(losses)):
        case.fail("lbfgs", "the loss grows", f"{losses}", rows=rows)


# -- Levenberg-Marquardt -------------------------------------------------------------------------------------
def least_squares(case, batch, first, rows):
    """A step d solves (JᵀJ + µ·I)·d = −Jᵀr for a µ = damping·increaseᵏ, and makes the loss smaller."""
    damping, increase = (0.001, 2.0)[case.spec["seed"] % 2], 10.0
    given = {"damping": damping, "increase": increase, "greatest_damping": 1e6}
    losses, weights = runs(case, "levenberg_marquardt", batch, rows, ["levenberg_marquardt", given], 3)
    if any(not b <= a for a, b in itertools.pairwise(losses)):
        case.fail("levenberg_marquardt", "the loss grows", f"{losses}", rows=rows)
    step = changed(case, *weights[:2])
    d = np.concatenate([step[p.name].reshape(-1) for p in case.net.trained])
    if not d.any() or case.net.losses[0].get("weighted"):
        return
    with Precision(case.dtype):
        jacobian, residuals = residuals_of(case, first, rows)
        j, e = jacobian
        r, of_r = residuals
        w = np.concatenate([weights[1][p.name].astype(float).reshape(-1) for p in case.net.trained])
        matrix, right = j.T @ j, j.T @ r
        size, was = np.abs(j), np.abs(w) + np.abs(d)
        doubt = (size.T @ e + e.T @ size + e.T @ e) @ np.abs(d) + e.T @ (np.abs(r) + of_r) + size.T @ of_r
        ratios = []
        for power in range(12):
            mu = damping * increase**power
            whole = size.T @ size + mu * np.eye(len(d))
            bound = doubt + 4 * Tracked.unit * whole @ was
            bound = bound + 40 * len(d) * UNITS["float64"] * (whole @ np.abs(d) + size.T @ np.abs(r))
            rest = np.abs(matrix @ d + mu * d + right)
            ratios.append(float((rest / (2 * bound + FLOORS[case.dtype])).max()))
            if mu > 1e6:
                break
    if not min(ratios) <= 1:
        case.fail(
            "levenberg_marquardt", "step",
            f"no µ of {damping}·{increase}ᵏ explains the step; at best {min(ratios):.3g} times the bound",
            rows=rows,
        )  # fmt: skip


def residuals_of(case, first, rows):
    """Returns (J, its errors) and (r, its errors) of all rows and elements of the output, for the weights at
    first.
    """
    forward = case.reference(first, rows, training=True)
    loss = case.net.losses[0]
    y = forward.outputs()[loss["output"]]
    target = case.part(case.targets, first, rows)[0].reshape(y.shape)
    r = y - target
    lines, errors = [], []
    for place in np.ndindex(*y.shape):
        one = np.zeros(y.shape)
        one[place] = 1.0
        given = [None] * len(case.net.outputs)
        given[loss["output"]] = Tracked(one)
        slopes = forward.backward(given)[1]
        parts = [slopes[p.name] for p in case.net.trained]
        lines.append(np.concatenate([g.v.reshape(-1) for g in parts]))
        errors.append(np.concatenate([np.broadcast_to(g.e, g.shape).reshape(-1) for g in parts]))
    count = sum(int(np.prod(p.shape)) for p in case.net.trained)
    shape = -1, count
    of_r = np.broadcast_to(r.e, r.shape).reshape(-1)
    return (np.reshape(lines, shape), np.reshape(errors, shape)), (r.v.reshape(-1), of_r)


CHECKS = {
    "average": average,
    "sam": sam,
    "lbfgs": lbfgs,
    "levenberg_marquardt": least_squares,
}
