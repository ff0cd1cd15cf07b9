"""The behaviour that the manual promises: models, sessions and trainers with their values and their order of
calls, without an engine.

Each call of the API has a method here that returns its possible outcomes: pairs of an allowed status and a
function that changes the state and returns the expected results, or None if nothing may change.
"""

from __future__ import annotations

import copy
import dataclasses

import numpy as np

from denpa import _abi as abi
from .compare import all_same, require_all, scale_of
from .expected_parts import Parts
from .nets import TRAINED, BadClass, LayerFails, Meter


def finite(arrays):
    return all(np.isfinite(a).all() for a in arrays)


class ModelState:
    def __init__(self, net, seed, parameters):
        self.net, self.seed = net, seed
        self.parameters = {name: np.array(value) for name, value in parameters.items()}
        self.trainable = {name: True for name in parameters}
        self.published = []  # by fit, after each epoch

    def is_trained(self, name):
        return self.trainable[name] and self.net.roles[name] == TRAINED

    def copy(self):
        return copy.deepcopy(self)

    def __deepcopy__(self, memo):
        made = ModelState(self.net, self.seed, self.parameters)
        made.trainable = dict(self.trainable)
        return made

    def predict(self, batch):
        fault = batch.fault(self.net, outputs=True)
        if fault is not None:
            return [(fault, None)]
        try:
            outputs = self.net.forward(self.parameters, batch.inputs(self.net))[0]
        except LayerFails:
            return [(abi.LAYER_FAILED, None)]
        return [(abi.OK, lambda: outputs)]


@dataclasses.dataclass
class Forward:
    """A forward that waits for its backward."""

    batch: object
    kept: object
    weights: dict
    doubtful: bool = (
        False  # a later call that failed may have overwritten what was kept: backward may be refused
    )


class TrainerState(Parts):
    rate_was_set = False  # by a caller of the Python package
    has_loaded = False  # gradients that did not wait for a step, so that the next ones overwrite them

    def __init__(self, model, terms, rule, max_batch, input_gradients, draw):
        self.model, self.net, self.terms, self.rule = model, model.net, terms, rule
        self.max_batch, self.input_gradients, self.draw = max_batch, input_gradients, draw
        self.weights = copy.deepcopy(model.parameters)
        self.trained = [
            name
            for name in model.parameters
            if model.is_trained(name) and not (rule and rule.of(name).value("frozen"))
        ]
        self.gradients = self.zeros
        # At first, and after a step of the closed loop, the next gradients overwrite what is there.
        self.restarts = True
        # Whether a call of the open loop has failed in backward, so that the gradients may have become zero.
        self.may_be_zero = False
        self.moments = {
            name: [np.zeros(self.net.shapes[name])] * (rule.moments if rule else 0) for name in self.trained
        }
        # The numbers of steps, of training forwards, by which random numbers are keyed, and of epochs of fit.
        self.steps = self.forwards = self.epochs = 0
        self.rate = rule.value("learning_rate") if rule else 0.0
        self.pending = None
        # The averages of the weights, their number of terms, and what was published last.
        self.averages, self.terms_of_average, self.shown_last = {}, 0, None
        self.watched = ()
        # The gradients with respect to nodes' outputs; "unknown" after calls that failed, None before the first.
        self.inner = None

    def clone(self):
        made = copy.copy(self)
        made.averages = dict(self.averages)
        made.weights = dict(self.weights)
        made.moments = {name: list(moments) for name, moments in self.moments.items()}
        return made

    def adopt(self, clone):
        self.__dict__.update(clone.__dict__)

    @property
    def zeros(self):
        return {name: np.zeros(self.net.shapes[name]) for name in self.trained}

    def see(self, views, what):
        """Compares the gradients with what their views show."""
        if self.may_be_zero and all_same(views, self.zeros):
            self.gradients, self.restarts = self.zeros, self.has_loaded
        self.may_be_zero = self.has_loaded = False
        require_all(views, self.gradients, what, scale_of(self.gradients))

    def clear(self):
        self.gradients, self.restarts = self.zeros, False

    # -- what all calls with a batch share ------------------------------------------------------------------

    def refusals(self, batch, learns=False, losses=True, outputs=False, strided=False):
        """Returns the statuses of mistakes that are found before anything is computed."""
        found = set()
        if learns and self.rule is None or losses and not self.terms:
            found.add(abi.BAD_STATE)
        fault = batch.fault(self.net, self.terms if losses else None, outputs, strided) if batch else None
        if fault is not None:
            found.add(fault)
        return [(status, None) for status in found]

    def forward_pass(self, inputs, training):
        key = self.model.seed, self.forwards
        return self.net.forward(self.weights, inputs, training, self.draw(*key), key)

    def whole(self, inputs, targets):
        """Computes forward, loss and backward: (status, the terms' losses, gradients, input gradients,
        states, outputs). There are no losses if it fails before backward.
        """
        try:
            outputs, kept, states = self.forward_pass(inputs, True)
            values, doutputs = self.net.loss(self.terms, outputs, targets)
        except LayerFails:
            return abi.LAYER_FAILED, [], None, None, None, None
        except BadClass:
            return abi.BAD_ARGUMENT, [], None, None, None, None
        inner = {}
        gradients, dinputs = self.net.backward(self.weights, kept, doutputs, inner)
        gradients = {name: gradients[name] for name in self.trained}
        self.inner_of_pass = inner
        if self.net.backward_fails(inputs) and (self.input_gradients or "center.gain" in self.trained):
            return abi.LAYER_FAILED, values, None, None, None, None
        return abi.OK, values, gradients, dinputs, states, outputs

    def optimize(self, gradients):
        """Takes a step; returns the gradients afterwards, which are within the limits."""
        self.steps += 1
        self.pending = None
        gradients = self.rule.limited(gradients)
        for name in self.trained:
            rate = self.rate * self.rule.share(name)
            self.weights[name] = self.rule.of(name).apply(
                self.weights[name], gradients[name], self.moments[name], self.steps, rate
            )
        self.average()
        return gradients

    def learn(self, inputs, targets, meter=None):
        """Takes a step in place: (status, loss)."""
        if len(inputs[0]) == 0:
            return abi.OK, 0.0
        status, values, gradients, _, states, outputs = self.whole(inputs, targets)
        self.inner = self.inner_of_pass if status == abi.OK else "unknown"
        if status == abi.OK and not (np.isfinite(sum(values)) and finite(gradients.values())):
            status = abi.NOT_FINITE
        if status != abi.OK:
            self.inner = "unknown"
            if values:
                self.clear()
            return status, 0.0
        self.weights.update(states)
        self.forwards += 1
        self.gradients, self.restarts = self.optimize(gradients), True
        if meter is not None:
            meter.add(values, outputs, targets)
        return abi.OK, sum(values)

    # -- the closed loop ------------------------------------------------------------------------------------

    def train_batch(self, batch):
        refusals = self.refusals(batch, learns=True)
        if refusals:
            return refusals
        clone = self.clone()
        status, loss = clone.learn(batch.inputs(self.net), batch.targets(self.net, self.terms))

        def commit():
            self.adopt(clone)
            return loss

        return [(status, commit)]

    def evaluate(self, batch):
        refusals = self.refusals(batch, strided=True)
        if refusals:
            return refusals
        if batch.rows == 0:
            return [(abi.BAD_ARGUMENT, None), (abi.OK, lambda: (0.0, float("nan")))]
        inputs, targets = batch.inputs(self.net), batch.targets(self.net, self.terms)
        try:
            result = self.evaluated(inputs, targets)
        except LayerFails:
            return [(abi.LAYER_FAILED, None)]
        except BadClass:
            return [(abi.BAD_ARGUMENT, None)]
        return [(abi.OK, lambda: result)]

    def evaluated(self, inputs, targets):
        """Returns (loss, accuracy), which do not depend on the trainer's batches."""
        meter = Meter(self.net, self.terms)
        outputs = self.net.forward(self.shown, inputs)[0]
        meter.add(self.net.loss(self.terms, outputs, targets)[0], outputs, targets)
        return meter.loss, meter.accuracy

    # -- the open loop --------------------------------------------------------------------------------------

    def forward(self, batch, training):
        refusals = self.refusals(batch, losses=False, outputs=True)
        if refusals:
            return refusals
        doubt = self.doubt if training else None
        try:
            outputs, kept, states = self.forward_pass(batch.inputs(self.net), training)
        except LayerFails:
            return [(abi.LAYER_FAILED, doubt)]

        def commit():
            if training:
                self.weights.update(states)
                self.forwards += 1
                self.pending = Forward(batch, kept, dict(self.weights))
            return outputs

        if training and not finite(states.values()):
            # A state that was not finite before is not reported.
            before = [name for name in states if not np.isfinite(self.weights[name]).all()]
            spoiled = [name for name in states if name not in before and not np.isfinite(states[name]).all()]
            return [(abi.NOT_FINITE, doubt)] + ([] if spoiled else [(abi.OK, commit)])
        return [(abi.OK, commit)]

    def doubt(self):
        """Records that a call failed half-way, so that what an earlier forward kept may be gone."""
        if self.pending is not None:
            self.pending = dataclasses.replace(self.pending, doubtful=True)

    def backward(self, doutputs, fault, wants_inputs):
        """`doutputs(rows)` returns arrays or None; `fault` is the mistake in how they are passed."""
        found = set() if fault is None else {fault}
        if self.pending is None or wants_inputs and not self.input_gradients:
            found.add(abi.BAD_STATE)
        if found and self.pending is not None and self.pending.doubtful:
            found.add(abi.BAD_STATE)
        if found:
            return [(status, None) for status in found]
        pending = self.pending
        zeros = [np.zeros((pending.batch.rows, self.net.widths[name])) for name in self.net.outputs]
        given = [zero if d is None else d for d, zero in zip(doutputs, zeros)]
        inner = {}
        gradients, dinputs = self.net.backward(pending.weights, pending.kept, given, inner)

        def fail():
            self.doubt()
            self.inner = "unknown"
            self.may_be_zero = True

        def commit():
            self.accumulate(gradients)
            self.pending, self.inner = None, inner
            return dinputs

        if self.net.backward_fails(pending.batch.inputs(self.net)):
            ways = [(abi.LAYER_FAILED, fail)]
            if "center.gain" not in self.trained and not wants_inputs:
                ways.append((abi.OK, commit))
        else:
            ways = [(abi.OK, commit)]
        return ways + ([(abi.BAD_STATE, None)] if pending.doubtful else [])

    def accumulate(self, gradients):
        """Adds to the gradients."""
        before = self.zeros if self.restarts else self.gradients
        self.gradients = {name: before[name] + gradients[name] for name in self.trained}
        self.restarts = False

    def gradients_of(self, batch, wants_inputs):
        refusals = self.refusals(batch)
        if wants_inputs and not self.input_gradients:
            refusals.append((abi.BAD_STATE, None))
        if refusals:
            return refusals
        status, values, gradients, dinputs, states, _ = self.whole(
            batch.inputs(self.net), batch.targets(self.net, self.terms)
        )

        def commit():
            loss = sum(values)
            self.accumulate(gradients)
            self.inner = self.inner_of_pass
            # Existing gradients that are not finite make the sum so too, and then the states are restored, if
            # the losses reach them.
            reached = self.net.reached(self.terms)
            if finite(self.gradients[n] for n in self.trained if n in reached) and np.isfinite(loss):
                self.weights.update(states)
                self.forwards += 1
            return loss, dinputs

        def fail():
            self.may_be_zero, self.inner = bool(values), "unknown"

        return [(status, commit if status == abi.OK else fail)]

    def step(self):
        if self.rule is None:
            return [(abi.BAD_STATE, None)]
        if not finite(self.gradients.values()):
            return [(abi.NOT_FINITE, None)]

        def commit():
            self.gradients = self.optimize(self.gradients)

        return [(abi.OK, commit)]

    def zero_gradients(self):
        return [(abi.OK, self.clear)]

    # -- weights --------------------------------------------------------------------------------------------

    def publish(self):
        return [(abi.OK, lambda: self.model.parameters.update(self.publishes()))]

    def refresh(self):
        def commit():
            self.weights = dict(self.model.parameters)
            self.pending = None

        return [(abi.OK, commit)]

    def set_rate(self, rate):
        if self.rule is None:
            return [(abi.BAD_STATE, None)]
        if not 0 <= rate <= 1e30:
            return [(abi.BAD_ARGUMENT, None)]

        def commit():
            self.rate = rate

        return [(abi.OK, commit)]
