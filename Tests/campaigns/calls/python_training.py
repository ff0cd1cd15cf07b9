"""Random orders of calls of the Python package: fit, train_batch, the open loop and gradients."""

from __future__ import annotations

import dataclasses
import itertools

import denpa as dp
import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from .batches import BATCH, GOOD_BATCH
from .compare import require, require_all
from denpa import _abi as abi
from .memory import Disagreement
from .rules import PYTHON_RULES
from .python_api import FAULTS, Stop, loss_of, optimizer_of, possible
from .python_machine import MAYBE, PICK, PythonBase

EPOCHS = st.sampled_from([1, 1, 2, 3])
STOP = st.sampled_from([None, None, None, 0, 1])
# A number of rows for which a trainer has no room at first, and whose arrays are not copied (trainers' ROOM,
# SMALL).
LARGE = st.sampled_from([0] * 5 + [700, 701])


class PythonTraining(PythonBase):
    def choices(self, state, terms, opt):
        """Returns the choices for a call: (terms or None, rule or None, the keyword arguments, words)."""
        losses = None if terms is None else self.losses(state, terms)
        chosen = None if opt is None else PYTHON_RULES[opt % len(PYTHON_RULES)]
        named, words = {}, ""
        if losses is not None:
            named["loss"], words = loss_of(losses), f", loss {losses}"
        if chosen is not None:
            named["optimizer"], words = optimizer_of(chosen), words + f", {chosen}"
        return losses, chosen, named, words

    # -- train_batch, fit, evaluate -------------------------------------------------------------------------

    @precondition(lambda self: self.nets)
    @rule(net=PICK, batch=BATCH, terms=MAYBE, opt=MAYBE, again=st.sampled_from([0, 0, 2]), large=LARGE)
    def train_batch(self, net, batch, terms, opt, again, large):
        owner, net, state = self.pick(net)
        batch = possible(batch, state.net)
        losses = self.choices(state, terms, opt)[0] or state.terms or ()
        if large and batch.rows and all(term.reduction != "sum" for term in losses):  # a sum would diverge
            batch = dataclasses.replace(batch, rows=large)
        for k in range(again + 1):
            batch = dataclasses.replace(batch, seed=batch.seed + k)
            # A second time, with what the network has by then, which takes the fastest path.
            losses, chosen, named, words = self.choices(state, *((None, None) if k else (terms, opt)))
            used = losses or state.terms
            t = self.t(batch, state, used or self.losses(state, 0))
            got = self.api.call(
                f"{owner}.train_batch({batch}{words})", net.train_batch, self.x(batch, state), t, **named
            )
            if used is None:
                self.settle([(abi.BAD_STATE, None)] + self.faults(batch))
            elif self.api.status in FAULTS and self.faults(batch):
                pass
            else:
                before = state.settings
                trainer = state.training(losses, chosen)
                wanted = self.settle(self.faults(batch) or trainer.train_batch(batch))
                state.share(trainer)
                if self.api.status == abi.OK:
                    require(got, wanted, "loss")
                else:
                    state.settings = before
            self.look()

    @precondition(lambda self: self.nets)
    @rule(
        net=PICK,
        data=BATCH,
        more=st.sampled_from([0, 3, 6]),
        size=st.sampled_from([2, 1, 3, 32]),
        epochs=EPOCHS,
        shuffle=st.booleans(),
        validation=st.one_of(st.none(), GOOD_BATCH),
        stop=STOP,
        terms=MAYBE,
        opt=MAYBE,
        early=st.sampled_from([None, None, (1, False), (1, True), (2, True), (0, True)]),
    )
    def fit(self, net, data, more, size, epochs, shuffle, validation, stop, terms, opt, early):
        owner, net, state = self.pick(net)
        data = dataclasses.replace(
            possible(data, state.net), rows=data.rows and data.rows + more, single=False
        )
        losses, chosen, named, words = self.choices(state, terms, opt)
        used = losses or state.terms
        refusals = (
            self.faults(data)
            + ([(abi.BAD_STATE, None)] if used is None else [])
            + [(abi.BAD_ARGUMENT, None)] * (data.rows == 0)
        )

        def batches(trainer):
            return trainer.rows_in_order(data.inputs(state.net), data.targets(state.net, used), size, shuffle)

        given = used or self.losses(state, 0)
        if validation is not None:
            named["validation_data"] = self.x(validation, state), self.t(validation, state, given)
            words += f", validation {validation}"
        text = f"{owner}.fit({data}, batch_size={size}, epochs={epochs}, shuffle={shuffle}{words})"
        arguments = self.x(data, state), self.t(data, state, given)
        named.update(batch_size=size, shuffle=shuffle)
        rule = chosen or state.rule
        is_sound = all(np.isfinite(value).all() for value in state.model.parameters.values())
        if stop is not None or refusals or data.poison or not is_sound or rule and rule.average_decay:
            early = None  # what is best then is not promised
        self.run_fit(
            owner, text, arguments, named, refusals, batches, epochs, stop, validation, losses, chosen, early
        )

    @precondition(lambda self: self.nets)
    @rule(
        net=PICK,
        batches=st.lists(BATCH, max_size=4),
        epochs=EPOCHS,
        stop=STOP,
        terms=MAYBE,
        opt=MAYBE,
        fails=st.sampled_from([None, None, None, 0, 1]),
        steps=st.sampled_from([None, None, 1, 3, 5]),
        prefetch=st.booleans(),
    )
    def fit_iterable(self, net, batches, epochs, stop, terms, opt, fails, steps, prefetch):
        owner, net, state = self.pick(net)
        batches = [dataclasses.replace(possible(b, state.net), rows=max(b.rows, 1)) for b in batches]
        losses, chosen, named, words = self.choices(state, terms, opt)
        used = losses or state.terms
        refusals = [(abi.BAD_STATE, None)] if used is None else []
        given = used or self.losses(state, 0)

        def following():
            """Yields the items of one iteration, followed by those of the next ones if epochs have a length
            of their own.
            """
            while True:
                for number, batch in enumerate(batches):
                    if number == fails:
                        yield abi.STOPPED
                    good = (batch.inputs(state.net), batch.targets(state.net, used))
                    yield abi.BAD_SHAPE if self.faults(batch) else good
                if not batches:
                    yield abi.BAD_ARGUMENT
                if steps is None:
                    return

        def items(trainer):
            endless = following()
            return lambda clone: following() if steps is None else itertools.islice(endless, steps)

        class Iterable:
            def __iter__(them):
                for number, batch in enumerate(batches):
                    if number == fails:
                        raise Stop
                    yield self.x(batch, state), self.t(batch, state, given)

        words += f", raises at {fails}" if fails is not None else ""
        if steps is not None:
            named["steps_per_epoch"], words = steps, words + f", steps_per_epoch={steps}"
        named["prefetch"], words = prefetch, words + f", prefetch={prefetch}"
        text = f"{owner}.fit(iterable of {batches}, epochs={epochs}{words})"
        self.run_fit(owner, text, (Iterable(),), named, refusals, items, epochs, stop, None, losses, chosen)

    def run_fit(
        self,
        owner,
        text,
        arguments,
        named,
        refusals,
        batches,
        epochs,
        stop,
        validation,
        losses,
        chosen,
        early=None,
    ):
        net, state = owner.net, owner.state
        result, trainer, before = None, None, None
        if not refusals:
            before = state.settings
            if chosen is not None:
                state.afresh()
            trainer = state.training(losses, chosen)
            result = trainer.fit(batches(trainer), epochs, stop, validation, early)
        troubles = []

        def callback(network, epoch, logs):
            try:
                self.compare_logs(owner, network, epoch, logs, result, troubles)
            except Exception as error:
                troubles.append(error)
                raise Stop from error
            if stop is not None and epoch >= stop:
                raise Stop

        words = f", stopped after epoch {stop}" * (stop is not None)
        callbacks = callback
        if early is not None:
            callbacks = [callback, dp.EarlyStopping(patience=early[0], restore_best=early[1])]
            words += f", {callbacks[1]}, patience {early[0]}, restore_best {early[1]}"
        history = self.api.call(text + words, net.fit, *arguments, epochs=epochs, callbacks=callbacks, **named)
        if troubles:
            raise troubles[0]
        if refusals:
            self.settle(refusals)
        else:
            status, _, told, clone, published = result
            self.settle([(s, None) for s in ({status} if status not in FAULTS else FAULTS)])
            trainer.adopt(clone)
            state.model.published += [epoch.published for epoch in told]
            if published is not None:
                state.model.parameters.update(published)
                state.share(trainer)
            elif status != abi.OK:  # nothing was learned, so the settings of the call have replaced nothing
                state.settings = before
            if self.api.status == abi.OK:
                require(history["loss"], [epoch.loss for epoch in told], "history of the loss")
        self.look()

    def compare_logs(self, owner, network, epoch, logs, result, troubles):
        if result is None or epoch >= len(result[2]):
            raise Disagreement(f"the end of epoch {epoch} is told, which must not be reached")
        told = result[2][epoch]
        wanted = {
            "loss": told.loss,
            "accuracy": told.accuracy,
            "val_loss": told.validation[0],
            "val_accuracy": told.validation[1],
        }
        for name, value in wanted.items():
            if value is not None and not np.isnan(value):
                require(logs.get(name, np.nan), value, f"{name} after epoch {epoch}")
        require_all(
            {name: network.parameters[name] for name in told.published},
            told.published,
            f"after epoch {epoch}: parameter",
        )

    @precondition(lambda self: self.nets)
    @rule(net=PICK, batch=BATCH, terms=MAYBE)
    def evaluate(self, net, batch, terms):
        owner, net, state = self.pick(net)
        batch = possible(batch, state.net)
        losses, _, named, words = self.choices(state, terms, None)
        used = losses or state.terms
        t = self.t(batch, state, used or self.losses(state, 0))
        got = self.api.call(
            f"{owner}.evaluate({batch}{words})", net.evaluate, self.x(batch, state), t, **named
        )
        ways = self.faults(batch) + ([(abi.BAD_STATE, None)] if used is None else [])
        wanted = self.settle(ways or state.looked(used).evaluate(batch))
        if self.api.status == abi.OK:
            got = got if isinstance(got, tuple) else (got, np.nan)
            for one, other in zip(got, wanted):
                require(one, other, "loss or accuracy")
        self.look()

    @precondition(lambda self: self.nets)
    @rule(net=PICK, rate=st.sampled_from([0.01, 0.05, 0.0, -1.0, float("nan")]))
    def learning_rate(self, net, rate):
        owner, net, state = self.pick(net)
        self.api.call(f"{owner}.learning_rate = {rate}", setattr, net, "learning_rate", rate)
        trainer = state.training() if state.terms and state.rule else None
        self.settle(trainer.set_rate(rate) if trainer else [(abi.BAD_STATE, None)])
        if trainer:
            trainer.rate_was_set = trainer.rate_was_set or self.api.status == abi.OK
            require(net.learning_rate, trainer.rate, "learning rate")
        self.look()
