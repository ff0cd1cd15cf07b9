"""The expected behaviour of a network of the Python package, which has one shared set of weights, and
trainers that are never visible.
"""

from __future__ import annotations

from .expected import TrainerState
from .rules import Rule

DEFAULT = Rule("sgd", (("learning_rate", 0.01),))
ROOM = 2**31  # the package's trainers have room for every batch


class NetState:
    """A ModelState, the trainer of fit and train_batch, and that of the open loop, each updated before it is
    used.
    """

    def __init__(self, model, draw):
        self.model, self.net, self.draw = model, model.net, draw
        self.terms = self.rule = self.main = self.open = None
        self.rate = None  # set by the program, applied to the next main trainer
        self.looks = 0  # calls that draw random numbers without learning

    def copy(self):
        made = NetState(self.model.copy(), self.draw)
        made.terms, made.rule, made.rate = self.terms, self.rule, self.rate
        if self.main is not None:
            made.main = self.main.clone()
            made.main.model, made.main.pending = made.model, None
            made.main.gradients, made.main.restarts = made.main.zeros, True
        return made

    def make(self, terms, rule, input_gradients):
        return TrainerState(self.model, terms, rule, ROOM, input_gradients, self.draw)

    def bring(self, trainer):
        """Gives a trainer the current weights. A forward that waits for its backward keeps those that it
        used.
        """
        trainer.take(self.model.parameters)

    def share(self, trainer):
        self.model.parameters.update(trainer.publishes())
        if self.open is not None and self.open is not trainer:
            self.bring(self.open)

    @property
    def settings(self):
        """Returns the settings that a training which learns nothing does not replace."""
        return self.main, self.terms, self.rule, self.rate

    @settings.setter
    def settings(self, before):
        self.main, self.terms, self.rule, self.rate = before

    # -- the main trainer -----------------------------------------------------------------------------------

    def compile(self, terms, rule):
        self.terms, self.rule = terms, rule
        self.afresh()

    def afresh(self):
        self.main = self.rate = None

    def forget(self):
        """Makes another set of parameters the trained one. A learning rate that was set remains."""
        rate = self.main.rate if self.main is not None and self.main.rate_was_set else self.rate
        self.afresh()
        self.open, self.rate = None, rate

    def training(self, terms=None, rule=None):
        """Returns the main trainer for a call with these arguments; None if there is no loss."""
        terms = terms or self.terms
        if not terms:
            return None
        self.terms, self.rule = terms, rule or self.rule or DEFAULT
        if self.main is None or self.main.terms != terms or self.main.rule != self.rule:
            kept = self.rate if self.main is None else None
            self.main = self.make(terms, self.rule, False)
            self.main.rate_was_set = kept is not None
            if kept is not None:
                self.main.rate = kept
            self.rate = None
        self.bring(self.main)
        return self.main

    # -- the open loop --------------------------------------------------------------------------------------

    def opening(self):
        """Returns the open loop's trainer for a forward; it becomes `open` once one has succeeded."""
        trainer = self.open or self.make((), None, True)
        self.bring(trainer)
        return trainer

    def stepping(self, rule):
        """Returns the open loop's trainer for a step. With another optimizer a new one is made, which keeps
        the gradients; it becomes `open` once the step has been taken.
        """
        old = self.open
        if old.rule == rule:
            self.bring(old)
            return old
        made = self.make((), rule, True)
        kept = {name: old.gradients[name] for name in made.trained if name in old.gradients}
        made.gradients, made.restarts = {**made.zeros, **kept}, False
        return made

    # -- without a trainer ----------------------------------------------------------------------------------

    def looked(self, terms=(), draw=0):
        """Returns a temporary trainer, only for its gradients. `draw` is the number of its forward."""
        made = self.make(terms, None, True)
        made.restarts, made.forwards = False, draw
        return made

    def draws(self):
        """Returns the numbers that such a temporary forward may have: it is not promised which forwards draw
        before it, and how often.
        """
        self.looks += 1
        return range(self.looks if self.net.is_random else 1)

    def initialize(self, known):
        """Resets all trainers, and a learning rate that was set."""
        self.model.parameters.update(known)
        self.afresh()
        self.open = None

    def set(self, name, value):
        self.model.parameters[name] = value
        if self.open is not None:
            self.bring(self.open)

    def set_trainable(self, names, trainable):
        before = [self.model.is_trained(name) for name in self.model.trainable]
        self.model.trainable.update({name: trainable for name in names})
        if before != [self.model.is_trained(name) for name in self.model.trainable]:
            self.forget()
