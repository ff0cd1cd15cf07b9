"""Random orders of calls of the Python package: fit, train_batch, the open loop and gradients."""

from __future__ import annotations

import dataclasses

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from batches import BATCH, GOOD_BATCH, SEED, numbers
from compare import require, require_all
from denpa import _abi as abi
from known import WITHOUT
from memory import Disagreement
from networks import RULES
from python_api import FAULTS, Stop, listed, loss_of, optimizer_of, possible
from python_machine import MAYBE, PICK, PythonBase

EPOCHS = st.sampled_from([1, 1, 2, 3])
STOP = st.sampled_from([None, None, None, 0, 1])


class PythonMachine(PythonBase):
    def choices(self, state, terms, opt):
        """What a call is given: (terms or None, rule or None, the keyword arguments, words)."""
        losses = None if terms is None else self.losses(state, terms)
        if "loss keys" in WITHOUT and losses == state.terms:
            losses = None
        chosen = None if opt is None else RULES[opt % 5]
        named, words = {}, ""
        if losses is not None:
            named["loss"], words = loss_of(losses), f", loss {losses}"
        if chosen is not None:
            named["optimizer"], words = optimizer_of(chosen), words + f", {chosen}"
        return losses, chosen, named, words

    # -- train_batch, fit, evaluate -----------------------------------------------------------------------------------

    @precondition(lambda self: self.nets)
    @rule(net=PICK, batch=BATCH, terms=MAYBE, opt=MAYBE, again=st.sampled_from([0, 0, 2]))
    def train_batch(self, net, batch, terms, opt, again):
        owner, net, state = self.pick(net)
        batch = possible(batch, state.net)
        if "replace" in WITHOUT and (batch.mistake or batch.poison):
            terms = opt = None
        for k in range(again + 1):
            batch = dataclasses.replace(batch, seed=batch.seed + k)
            losses, chosen, named, words = self.choices(state, terms, opt)
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
                trainer = state.training(losses, chosen)
                wanted = self.settle(self.faults(batch) or trainer.train_batch(batch))
                state.share(trainer)
                if self.api.status == abi.OK:
                    require(got, wanted, "loss")
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
    )
    def fit(self, net, data, more, size, epochs, shuffle, validation, stop, terms, opt):
        owner, net, state = self.pick(net)
        data = dataclasses.replace(
            possible(data, state.net), rows=data.rows and data.rows + more, single=False
        )
        if "replace" in WITHOUT and (data.mistake or data.poison or not data.rows):
            terms = opt = None  # a call that is refused may have replaced them
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
        self.run_fit(
            owner, text, arguments, named, refusals, batches, epochs, stop, validation, losses, chosen
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
    )
    def fit_iterable(self, net, batches, epochs, stop, terms, opt, fails):
        owner, net, state = self.pick(net)
        batches = [dataclasses.replace(possible(b, state.net), rows=max(b.rows, 1)) for b in batches]
        if "replace" in WITHOUT:
            terms = opt = None
        losses, chosen, named, words = self.choices(state, terms, opt)
        used = losses or state.terms
        refusals = [(abi.BAD_STATE, None)] if used is None else []
        given = used or self.losses(state, 0)

        def items(trainer):
            def each(clone):
                for number, batch in enumerate(batches):
                    if number == fails:
                        yield abi.STOPPED
                    good = (batch.inputs(state.net), batch.targets(state.net, used))
                    yield abi.BAD_SHAPE if self.faults(batch) else good
                if not batches:
                    yield abi.BAD_ARGUMENT

            return each

        class Iterable:
            def __iter__(them):
                for number, batch in enumerate(batches):
                    if number == fails:
                        raise Stop
                    yield self.x(batch, state), self.t(batch, state, given)

        text = f"{owner}.fit(iterable of {batches}, epochs={epochs}{words}{f', raises at {fails}' if fails is not None else ''})"
        self.run_fit(owner, text, (Iterable(),), named, refusals, items, epochs, stop, None, losses, chosen)

    def run_fit(
        self, owner, text, arguments, named, refusals, batches, epochs, stop, validation, losses, chosen
    ):
        net, state = owner.net, owner.state
        result, trainer, before = None, None, None
        if not refusals:
            before = state.main, state.terms, state.rule, state.rate
            if chosen is not None:
                state.afresh()
            trainer = state.training(losses, chosen)
            result = trainer.fit(batches(trainer), epochs, stop, validation)
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
        history = self.api.call(text + words, net.fit, *arguments, epochs=epochs, callbacks=callback, **named)
        if troubles:
            raise troubles[0]
        if refusals:
            self.settle(refusals)
        else:
            status, _, told, clone, published = result
            first_fails = (
                published is None and status in FAULTS
            )  # nothing was learned: whatever was given may be as before
            self.settle([(s, None) for s in ({status} if status not in FAULTS else FAULTS)])
            trainer.adopt(clone)
            if published is not None:
                state.model.parameters.update(published)
                state.share(trainer)
            elif first_fails:
                state.main, state.terms, state.rule, state.rate = before
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
            require(got, wanted, "loss and accuracy")
        self.look()

    @precondition(lambda self: self.nets)
    @rule(net=PICK, rate=st.sampled_from([0.01, 0.05, 0.0, -1.0, float("nan")]))
    def learning_rate(self, net, rate):
        owner, net, state = self.pick(net)
        self.api.call(f"{owner}.learning_rate = {rate}", setattr, net, "learning_rate", rate)
        # After a training that was refused there may be an optimizer, the default, or none.
        trainer = (
            state.training() if state.terms and (state.rule or self.api.status != abi.BAD_STATE) else None
        )
        self.settle(trainer.set_rate(rate) if trainer else [(abi.BAD_STATE, None)])
        if trainer:
            trainer.rate_was_set = trainer.rate_was_set or self.api.status == abi.OK
            require(net.learning_rate, trainer.rate, "learning rate")
        self.look()

    # -- gradients ----------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.nets)
    @rule(net=PICK, batch=BATCH, terms=MAYBE, dx=st.booleans())
    def gradients(self, net, batch, terms, dx):
        owner, net, state = self.pick(net)
        batch = possible(batch, state.net)
        losses, _, named, words = self.choices(state, terms, None)
        used = losses or state.terms
        trainer = state.looked(used or ())
        inputs = [name for name, _ in state.net.inputs]
        wrt = trainer.trained + inputs if dx else None
        t = self.t(batch, state, used or self.losses(state, 0))
        function = net.gradients if dx else net.loss_and_gradients
        named.update({"wrt": wrt} if dx else {})
        got = self.api.call(
            f"{owner}.{function.__name__}({batch}{words})", function, self.x(batch, state), t, **named
        )
        ways = self.faults(batch) + ([(abi.BAD_STATE, None)] if used is None else [])
        wanted = self.settle(ways or trainer.gradients_of(batch, dx))
        if self.api.status == abi.OK:
            found = got if dx else got[1]
            require_all(found, trainer.gradients, "gradient")
            if not dx:
                require(got[0], wanted[0], "loss")
            for name, other in zip(inputs if dx else [], wanted[1]):
                require(found[name], other[0] if batch.is_single else other, f"gradient of {name}")
        self.look()

    @precondition(lambda self: self.nets)
    @rule(net=PICK, batch=BATCH, training=st.sampled_from([True, True, False]))
    def forward(self, net, batch, training):
        owner, net, state = self.pick(net)
        batch = possible(batch, state.net)
        got = self.api.call(
            f"{owner}.forward({batch}, training={training})",
            net.forward,
            self.x(batch, state),
            training=training,
        )
        ways = self.faults(batch, False)
        if not ways:
            trainer = state.opened()
            ways = trainer.forward(dataclasses.replace(batch, mistake=None), training)
        wanted = self.settle(ways)
        if self.api.status == abi.OK:
            self.compare_outputs(got, wanted, batch)
            state.share(trainer)
            if not training:
                trainer.doubt()
        self.look()

    @precondition(lambda self: self.nets)
    @rule(
        net=PICK,
        seed=SEED,
        gaps=st.lists(st.booleans(), min_size=3, max_size=3),
        trouble=st.sampled_from([None] * 6 + ["nan", "width"]),
    )
    def backward(self, net, seed, gaps, trouble):
        owner, net, state = self.pick(net)
        pending = state.open.pending if state.open else None
        rows = pending.batch.rows if pending else 2
        names = state.net.outputs
        given = [
            None if gap and len(names) > 1 else numbers(seed + 50 * k, rows, state.net.widths[name])
            for k, (name, gap) in enumerate(zip(names, gaps))
        ]
        first = next((d for d in given if d is not None and d.size), None)
        trouble = trouble if first is not None and trouble not in WITHOUT else None
        if trouble == "nan":
            first.reshape(-1)[seed % first.size] = np.nan
        single = pending is not None and pending.batch.is_single
        handed = [d if d is None else d[0] if single else d for d in given]
        if trouble == "width":
            handed = [np.zeros((*d.shape[:-1], 7)) if d is not None else None for d in handed]
        got = self.api.call(
            f"{owner}.backward(seed {seed}, gaps {gaps}, {trouble})",
            net.backward,
            handed if len(names) > 1 else handed[0],
        )
        fault = abi.BAD_SHAPE if trouble == "width" else None
        ways = state.open.backward(given, fault, False) if state.open else [(abi.BAD_STATE, None)]
        if pending is None:  # Python looks at the shapes first, where it still has an earlier forward's
            ways.append((abi.BAD_SHAPE, None))
        wanted = self.settle(ways)
        if self.api.status == abi.OK:
            for one, other in zip(listed(got), wanted):
                require(one, other[0] if single else other, "gradient of an input")
        self.look()

    @precondition(lambda self: self.nets)
    @rule(net=PICK, opt=PICK)
    def step(self, net, opt):
        owner, net, state = self.pick(net)
        chosen = RULES[opt % 5]
        optimizer = optimizer_of(chosen)
        self.api.call(f"{chosen}.step({owner})", optimizer.step, net)
        trainer = state.opened(chosen) if state.open else None
        self.settle(trainer.step() if trainer else [(abi.BAD_STATE, None)])
        if self.api.status == abi.OK:
            state.share(trainer)
        self.look()

    @precondition(lambda self: self.nets)
    @rule(net=PICK)
    def zero_grads(self, net):
        owner, net, state = self.pick(net)
        self.api.call(f"{owner}.zero_grads()", net.zero_grads)
        self.settle(state.open.zero_gradients() if state.open else [(abi.OK, None)])
        self.look()

    @precondition(lambda self: self.nets)
    @rule(net=PICK, which=PICK, seed=SEED, trouble=st.sampled_from([None, None, "nan"]))
    def write_gradient(self, net, which, seed, trouble):
        owner, net, state = self.pick(net)
        opened = state.open
        if (
            opened is None
            or not opened.trained
            or trouble in WITHOUT
            or opened.restarts
            and "early views" in WITHOUT
        ):
            return
        name = opened.trained[which % len(opened.trained)]
        value = numbers(seed, *state.net.shapes[name])
        if trouble:
            value.reshape(-1)[seed % value.size] = np.nan
        self.recorder.call(f"{owner}.grads[{name!r}][:] = {value.tolist()}")
        net.grads[name][:] = value
        opened.candidates, opened.restarts = [{**opened.gradients, name: value}], False
        self.recorder.result("written")
        self.look()

    @precondition(lambda self: self.nets)
    @rule(net=PICK, batch=BATCH, seed=SEED)
    def vjp(self, net, batch, seed):
        owner, net, state = self.pick(net)
        batch = possible(batch, state.net)
        names = state.net.outputs
        douts = [numbers(seed + 50 * k, batch.rows, state.net.widths[name]) for k, name in enumerate(names)]
        handed = [d[0] if batch.is_single else d for d in douts]
        got = self.api.call(
            f"{owner}.vjp({batch}, seed {seed})",
            net.vjp,
            self.x(batch, state),
            handed if len(names) > 1 else handed[0],
        )
        trainer = state.looked()
        ways = self.faults(batch, False) or trainer.forward(dataclasses.replace(batch, mistake=None), True)
        if ways[0][0] == abi.OK:
            ways[0][1]()
            ways = trainer.backward(douts, None, True)
        wanted = self.settle(ways)
        if self.api.status == abi.OK:
            require_all(got, trainer.gradients, "gradient")
            for (name, _), other in zip(state.net.inputs, wanted):
                require(got[name], other[0] if batch.is_single else other, f"gradient of {name}")
        self.look()
