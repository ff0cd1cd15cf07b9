"""What must not affect learning: other calls in between, refused calls, data in other forms."""

from __future__ import annotations

import numpy as np

from denpa import _abi as abi
from denpa.errors import DenpaError

from . import engine
from .data import output_gradients
from .losses import OF_CLASSES
from .tracked import FLOORS, Precision


def disturb(case, trainer, first, rows):
    """Makes calls that are not steps: an evaluation, gradients, the open loop, a batch that is refused."""
    inputs, targets = (case.fenced(case.part(a, first, rows)) for a in (case.inputs, case.targets))
    if not rows:
        return
    trainer.evaluate(inputs, targets)
    refused(case, trainer, inputs, case.part(case.targets, first, rows))
    trainer.gradients(inputs, targets)
    trainer.forward(inputs, case.output_room(rows))
    given = output_gradients(case.net, rows)
    trainer.backward([None if array is None else case.fence.copy(array, case.type) for array in given])


def refused(case, trainer, inputs, targets):
    """Passes an invalid class number in the last row, and targets with too few rows."""
    for number, (term, target) in enumerate(zip(case.net.losses, targets)):
        shape = (*target.shape[:1], *case.net.shapes[case.net.outputs[term["output"]]])
        is_numbers = term["kind"] in OF_CLASSES and target.dtype.kind in "iu"
        if not is_numbers or not target.size or (target.shape == shape and shape[-1] != 1) or shape[-1] > 255:
            continue
        bad = [array.copy() for array in targets]
        bad[number].reshape(-1)[-1] = shape[-1]
        expect(case, abi.BAD_ARGUMENT, trainer, inputs, case.fenced(bad))
    if any(term["kind"] != "computed" or term.get("weighted") for term in case.net.losses):
        expect(case, abi.BAD_SHAPE, trainer, inputs, case.fenced([array[:-1] for array in targets]))


def expect(case, status, trainer, inputs, targets):
    try:
        trainer.train(inputs, targets)
    except DenpaError as error:
        if error.status != status:
            case.fail("steps", f"refused with {engine.status_name(error.status)}", str(error))
    else:
        case.fail("steps", "not refused", f"expected {engine.status_name(status)}")


def otherwise(case, arrays, turn):
    """Returns the same values unaligned or in another float type, and class numbers in another integer
    type.
    """
    result = []
    for number, array in enumerate(arrays):
        kind = (turn + number) % 3
        if array.dtype.kind == "f" and kind == 1:
            other = np.float64 if array.dtype == np.float32 else np.float32
            result.append(case.fence.copy(array, other))
        elif array.dtype == np.int32 and kind == 1:
            result.append(case.fence.copy(array, np.int64))
        else:
            result.append(case.fence.copy(array, shift=1 if kind == 2 else 0))
    return result


def published(case, model, session, weights):
    """Checks that a session made before the training predicts with the published parameters."""
    first, rows = max(case.slices(), key=lambda part: part[1])
    inputs = case.fenced(case.part(case.inputs, first, rows))
    with case.model.copy() as fresh:
        fresh.set(weights)
        with engine.Session(fresh, max(rows, 1), 1) as other:
            ours, theirs = case.output_room(rows), case.output_room(rows)
            session.predict(inputs, ours)
            other.predict(inputs, theirs)
            case.same("steps", "published", theirs, ours, "output", rows=rows)
    with case.trainer(2, model=model) as late, case.trainer(1, model=case.model) as early:
        model.set(case.parameters)
        late.refresh()
        targets = case.fenced(case.part(case.targets, first, rows))
        a, b = early.gradients(inputs, targets), late.gradients(inputs, targets)
        case.same("steps", "refreshed", a, b, "loss", rows=rows)
        case.same("steps", "refreshed", early.all_gradients(), late.all_gradients(), "gradient", rows=rows)


def shuffled(case):
    """Checks that an epoch with a learning rate of 0 changes nothing, and that its loss is that of all rows,
    in any order.
    """
    rows = case.spec["rows"]
    with case.model.copy() as model, engine.Trainer(model, rows, 2, case.optimizer) as trainer:
        trainer.rate(0.0)
        arrays = case.fenced(case.inputs), case.fenced(case.targets)
        loss = trainer.fit(*arrays, case.spec["fit"][0], 1, shuffle=True)
        case.same(
            "fit",
            "no rate",
            case.learned(case.parameters),
            case.learned(trainer.weights()),
            "weights",
            rows=rows,
        )
        if case.net.states or any(term["attributes"].get("ignored") for term in case.net.losses):
            return  # the loss of a batch depends on its other rows
        whole, _ = trainer.evaluate(*arrays)
        with Precision(case.dtype):
            bound = 4 * float(case.reference(0, rows).loss(case.targets)[0].e) + FLOORS[case.dtype]
        if abs(loss - whole) > bound:
            case.fail("fit", "shuffled", f"the loss of an epoch is {loss}, of all rows {whole}")
