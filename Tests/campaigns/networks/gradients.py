"""Checks of gradients: of losses, in the open loop, accumulated, with targets of other forms."""

from __future__ import annotations

import numpy as np

from denpa.errors import NotFound

from .data import output_gradients
from .losses import OF_CLASSES, one_hot
from .tracked import Precision, Tracked


def check(case):
    open_loop(case)
    if case.net.losses:
        gradients(case)


class Trainers:
    """One trainer for each number of threads; for a large network only the last one is kept, because of its
    memory.
    """

    def __init__(self, case, with_losses):
        """`with_losses` has the numbers of threads whose trainers have losses."""
        self.case, self.with_losses, self.kept = case, with_losses, {}

    def of(self, threads):
        if threads not in self.kept:
            if self.case.spec["large"]:
                self.close()
            self.kept[threads] = self.case.trainer(
                threads,
                input_gradients=self.case.spec["input_gradients"],
                with_losses=threads in self.with_losses,
            )
        return self.kept[threads]

    def close(self):
        for trainer in self.kept.values():
            trainer.close()
        self.kept = {}


def reference(case, first, rows):
    """Returns the loss and its gradients with respect to outputs, inputs and parameters."""
    key = (first, rows, "losses")
    if key not in case.passes:
        with Precision(case.dtype):
            forward = case.reference(first, rows, training=True)
            loss, by_outputs = forward.loss(case.part(case.targets, first, rows))
            case.passes[key] = (loss, by_outputs, *forward.backward(by_outputs))
    return case.passes[key]


def gradients(case):
    """Checks loss and gradients of `denpa_trainer_gradients` for every number of threads; a second call adds
    them up.
    """
    spec, case.steepest, before = case.spec, 0.0, None
    trainers = Trainers(case, spec["threads"])
    frozen = [p for p in case.net.parameters if p not in case.net.trained]
    for parameter in frozen[:1]:
        try:
            trainers.of(1).gradient(parameter.name)
            case.fail("gradients", "frozen", f"{parameter.name} is frozen and has a gradient")
        except NotFound:
            pass
    for turn, (first, rows) in enumerate(case.slices()):
        with case.checking("gradients"):
            inputs, targets = (case.fenced(case.part(a, first, rows)) for a in (case.inputs, case.targets))
            loss, _, by_inputs, by_parameters = reference(case, first, rows)
            case.steepest = max(
                [case.steepest, *(float(np.abs(g.v).max(initial=0)) for g in by_parameters.values())]
            )
            results = []
            for threads in spec["threads"]:
                trainer = trainers.of(threads)
                if turn:
                    trainer.zero()
                into = case.gradient_room(rows)
                got = trainer.gradients(inputs, targets, into)
                results.append((got, into, trainer.all_gradients()))
                if threads > 1:
                    same(case, "gradients", "threads", results[0], results[-1], rows=rows, threads=threads)
            got, into, of_parameters = results[0]
            case.digest("gradients", *results[0])
            case.close("gradients", "loss", got, loss, "loss", rows=rows)
            compare(case, "gradients", into, of_parameters, by_inputs, by_parameters, rows)
            if turn and not spec["large"]:
                added_up(case, trainers.of(1), before, by_parameters, rows)
            before = inputs_of(case, first, rows), by_parameters
            if rows == 1:
                sample(case, trainer, inputs, targets, results[0])
            if rows and turn < 2 and not spec["large"]:
                target_forms(case, trainer, inputs, first, rows)
    trainers.close()


def inputs_of(case, first, rows):
    return case.part(case.inputs, first, rows), case.part(case.targets, first, rows)


def same(case, name, what, a, b, **where):
    for label, one, other in zip(("loss", "input gradient", "gradient"), a, b):
        case.same(name, what, one, other, label, **where)


def compare(case, name, into, of_parameters, by_inputs, by_parameters, rows):
    for place, array in enumerate(into or []):
        if array is not None:
            number = case.net.used[place]
            case.close(name, "inputs", array, by_inputs[number], f"input gradient {place}", rows=rows)
    for parameter, expected in by_parameters.items():
        case.close(name, "parameters", of_parameters[parameter], expected, f"gradient {parameter}", rows=rows)


def added_up(case, trainer, before, by_parameters, rows):
    """Checks that the gradients of the previous batch are added to the existing ones."""
    (inputs, targets), earlier = before
    trainer.gradients(case.fenced(inputs), case.fenced(targets))
    with Precision(case.dtype):
        sums = {name: gradient + earlier[name] for name, gradient in by_parameters.items()}
    compare(case, "gradients added up", None, trainer.all_gradients(), None, sums, rows)


def sample(case, trainer, inputs, targets, expected):
    """Checks one sample without the batch axis."""
    trainer.zero()
    into = case.gradient_room(1)
    got = trainer.gradients(inputs, targets, into, sample=True)
    loss, of_inputs, of_parameters = expected
    # Added to zeros here, perhaps not there: −0 becomes 0.
    of_parameters = {name: gradient + case.type(0) for name, gradient in of_parameters.items()}
    same(
        case,
        "gradients",
        "one sample without the batch",
        (loss, of_inputs, of_parameters),
        (got, into, trainer.all_gradients()),
        rows=1,
    )


def target_forms(case, trainer, inputs, first, rows):
    """Checks class numbers in other integer types, as a column and as one-hot rows, and values in the other
    float type.
    """
    targets = case.part(case.targets, first, rows)
    loss, _, by_inputs, by_parameters = reference(case, first, rows)
    for form in range(3):
        given = []
        for term, target in zip(case.net.losses, targets):
            shape = (rows, *case.net.shapes[case.net.outputs[term["output"]]])
            is_numbers = term["kind"] in OF_CLASSES and target.dtype.kind in "iu" and target.shape != shape
            if is_numbers and form == 0:
                target = target.astype(np.int64 if target.dtype != np.int64 else np.int32).reshape(
                    target.shape[:-1] if target.ndim == len(shape) else (*target.shape, 1)
                )
            elif is_numbers and "ignored" in term["attributes"]:
                pass  # rows have no number that could be ignored
            elif is_numbers and (form == 1 or shape[-1] > 1):
                target = one_hot(target, shape).astype([None, np.float32, np.uint8][form])
            elif target.dtype.kind == "f":
                target = target.astype([np.float64, np.float32, np.float64][form])
            given.append(case.fence.copy(target))
        given += case.fenced(targets[len(given) :])
        trainer.zero()
        into = case.gradient_room(rows)
        got = trainer.gradients(inputs, given, into)
        case.close("target forms", "loss", got, loss, "loss", rows=rows)
        compare(case, "target forms", into, trainer.all_gradients(), by_inputs, by_parameters, rows)


# -- the open loop -------------------------------------------------------------------------------------------
def open_loop(case):
    """Checks forward and backward with gradients from the caller, and with those of the losses."""
    spec = case.spec
    trainers = Trainers(case, spec["threads"][-1:])
    for first, rows in case.slices():
        with case.checking("open loop"):
            inputs = case.fenced(case.part(case.inputs, first, rows))
            given = output_gradients(case.net, rows)
            doutputs = [None if array is None else case.fence.copy(array, case.type) for array in given]
            results = []
            for threads in spec["threads"]:
                trainer = trainers.of(threads)
                trainer.zero()
                outputs, into = case.output_room(rows), case.gradient_room(rows)
                trainer.forward(inputs, outputs)
                trainer.backward(doutputs, into)
                results.append((outputs, into, trainer.all_gradients()))
                if threads > 1:
                    for what, a, b in zip(("output", "input gradient", "gradient"), results[0], results[-1]):
                        case.same("open loop", "threads", a, b, what, rows=rows, threads=threads)
            outputs, into, of_parameters = results[0]
            case.digest("open loop", *results[0])
            with Precision(case.dtype):
                forward = case.reference(first, rows, training=True)
                by_inputs, by_parameters = forward.backward(
                    [None if a is None else Tracked(a) for a in given]
                )
            for number, expected in enumerate(forward.outputs()):
                case.close("open loop", "values", outputs[number], expected, f"output {number}", rows=rows)
            compare(case, "open loop", into, of_parameters, by_inputs, by_parameters, rows)
            disturbed(case, trainer, inputs, doutputs, results[0], first, rows)
            if case.net.losses:
                by_losses(case, trainer, inputs, first, rows)
    trainers.close()


def disturbed(case, trainer, inputs, doutputs, expected, first, rows):
    """Checks that what forward kept remains for backward despite calls in between: another forward, an
    evaluation, gradients.
    """
    outputs, into, plain = case.output_room(rows), case.gradient_room(rows), case.output_room(rows)
    trainer.forward(inputs, outputs)
    trainer.forward(inputs, plain, training=False)
    if not case.net.states:
        case.same("open loop", "as predict does", case.predicted[first, rows], plain, "output", rows=rows)
    if case.net.losses and rows and not case.spec["large"]:
        targets = case.fenced(case.part(case.targets, first, rows))
        trainer.evaluate(inputs, targets)
        trainer.gradients(inputs, targets)
    trainer.zero()
    trainer.backward(doutputs, into)
    for what, a, b in zip(
        ("output", "input gradient", "gradient"), expected, (outputs, into, trainer.all_gradients())
    ):
        case.same("open loop", "disturbed", a, b, what, rows=rows)


def by_losses(case, trainer, inputs, first, rows):
    """Checks that backward with the gradients of the losses gives what `denpa_trainer_gradients` gives."""
    _, by_outputs, by_inputs, by_parameters = reference(case, first, rows)
    doutputs = [None if g is None else case.fence.copy(g.v, case.type) for g in by_outputs]
    trainer.zero()
    outputs, into = case.output_room(rows), case.gradient_room(rows)
    trainer.forward(inputs, outputs)
    trainer.backward(doutputs, into)
    compare(case, "open loop by losses", into, trainer.all_gradients(), by_inputs, by_parameters, rows)
