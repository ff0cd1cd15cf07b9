"""The expected behaviour of trainers: averages of weights, fit, what they remember (see expected.py)."""

from __future__ import annotations

import dataclasses

import numpy as np

from denpa import _abi as abi
from .nets import BadClass, LayerFails, Meter
from .philox import permutation


@dataclasses.dataclass
class Epoch:
    """What fit reports after an epoch, and what it has published."""

    loss: float
    accuracy: float
    samples: int
    batches: int
    published: dict
    validation: tuple = (float("nan"), float("nan"))


class Parts:
    """What TrainerState consists of besides its calls with a batch."""

    # -- averages of weights --------------------------------------------------------------------------------

    @property
    def shown(self):
        """Returns what the trainer evaluates and publishes: averages, where it keeps them."""
        return {**self.weights, **self.averages}

    def take(self, parameters):
        """Goes on with the model's parameters. Those that the trainer has published itself stand for the
        weights of which they are the average.
        """
        known = self.shown_last
        if known is not None and all(np.array_equal(known[n], parameters[n], True) for n in parameters):
            return
        self.weights = dict(parameters)
        self.averages, self.terms_of_average, self.shown_last = {}, 0, None

    def publishes(self):
        """Returns what is published now."""
        shown = self.shown
        if self.rule and self.rule.average_decay:
            self.shown_last = {name: np.array(value) for name, value in shown.items()}
        return shown

    def average(self):
        """Adds the weights after a step to their averages."""
        decay = self.rule.average_decay
        if not decay or self.steps <= self.rule.average_after:
            return
        self.terms_of_average += 1
        count = self.terms_of_average
        share = 1.0 if count == 1 else 1 / count if decay == 1 else 1 - decay
        for name in self.trained:
            before = self.averages.get(name, self.weights[name])
            self.averages[name] = share * self.weights[name] + (1 - share) * before

    # -- fit ------------------------------------------------------------------------------------------------

    def fit(self, batches, epochs, stop, validation, early=None):
        """Trains a clone: (status, loss, epochs, clone, what is published at the end or None).
        `batches(clone)` returns the batches of one epoch: pairs (inputs, targets), or a status that ends the
        training. `early` is (epochs without a smaller loss that end the training, whether the best epoch's
        parameters return).
        """
        best, waited = None, 0
        clone, told, learned, loss, published = self.clone(), [], False, 0.0, None
        for epoch in range(epochs):
            meter, count = Meter(self.net, self.terms), 0
            for item in batches(clone):
                status = item if isinstance(item, int) else clone.learn(*item, meter)[0]
                if status != abi.OK:
                    return status, 0.0, told, clone, clone.publishes() if learned else published
                learned, count = True, count + 1
            clone.epochs += 1
            published, loss = clone.publishes(), meter.loss
            epoch_told = Epoch(loss, meter.accuracy, meter.samples, count, published)
            told.append(epoch_told)
            if validation is not None:
                data = validation.inputs(self.net), validation.targets(self.net, self.terms)
                try:
                    epoch_told.validation = clone.evaluated(*data)
                except (LayerFails, BadClass) as error:
                    told.pop()
                    status = abi.LAYER_FAILED if isinstance(error, LayerFails) else abi.BAD_ARGUMENT
                    return status, 0.0, told, clone, published
            if stop is not None and epoch >= stop:
                return abi.STOPPED, 0.0, told, clone, published
            if early is not None:
                watched = loss if validation is None else epoch_told.validation[0]
                if best is None or watched < best[0]:
                    best, waited = (watched, published), 0
                else:
                    waited += 1
                    if waited == early[0]:
                        break
        if early is not None and early[1]:
            clone.weights = dict(best[1])
            published = clone.publishes()
        return abi.OK, loss, told, clone, published

    def rows_in_order(self, inputs, targets, batch_size, shuffle):
        """Returns the batches of denpa_fit."""

        def batches(clone):
            count = len(inputs[0])
            order = permutation(self.model.seed, clone.epochs, count) if shuffle else list(range(count))
            for first in range(0, count, batch_size):
                part = order[first : first + batch_size]
                yield [x[part] for x in inputs], [t[part] for t in targets]

        return batches

    # -- what a trainer remembers ---------------------------------------------------------------------------

    def remembers(self):
        """Returns what denpa_trainer_save_bytes writes: all but the parameters and a forward that waits."""
        kept = self.clone()
        return {
            "gradients": dict(self.gradients), "restarts": self.restarts, "moments": kept.moments,
            "steps": self.steps, "forwards": self.forwards, "epochs": self.epochs, "rate": self.rate,
        }  # fmt: skip

    def load(self, remembered):
        """Takes over what another trainer remembers."""

        def commit():
            self.doubt()
            given = dict(remembered)
            given["moments"] = {name: list(moments) for name, moments in given["moments"].items()}
            self.__dict__.update(given)
            # Gradients that do not wait for a step need not be shown.
            self.may_be_zero = self.has_loaded = self.restarts
            self.inner = self.inner and "unknown"

        return [(abi.OK, commit)]
