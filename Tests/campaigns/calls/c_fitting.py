"""Random orders of calls of the C API: denpa_fit and denpa_fit_source, with callbacks that inspect, stop and
fail.
"""

from __future__ import annotations

import ctypes
import dataclasses

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from .batches import BATCH, GOOD_BATCH, Batch
from .c_api import CApi, last_error, status_name
from .c_models import PICK
from .c_training import TrainerMachine
from .compare import require, require_all
from denpa import _abi as abi
from denpa._call import library, options
from .known import WITHOUT
from .memory import SENTINEL, CallerMemory, Disagreement, pack, tensor
from .recorder import Recorder

STOP = st.sampled_from([None, None, None, 0, 1])
EPOCHS = st.sampled_from([1, 1, 2, 3])
VALIDATION = st.one_of(
    st.none(), st.none(), GOOD_BATCH, BATCH.map(lambda b: dataclasses.replace(b, rows=max(b.rows, 1)))
)


class CMachine(TrainerMachine):
    # -- what both have in common ----------------------------------------------------------------------------

    def options(self, owner, epochs, stop, validation, told, batches, **given):
        """Returns the options of a fit whose callback compares what is reported to it."""
        state = owner.state
        wanted = options(abi.FitOptions, epochs=epochs, **given)
        self.errors = []

        def callback(_, pointer):
            try:
                return self.compare_progress(owner, pointer.contents, epochs, stop, told, batches)
            except BaseException as error:  # ctypes would only print it
                self.errors.append(error)
                return abi.STOPPED

        wanted.callback = abi.ProgressCallback(callback)
        if validation is not None:
            wanted.validation_count = 1
            wanted.validation_inputs = self.api.inputs(validation, state.net, True)[0]
            wanted.validation_targets = self.api.targets(validation, state.net, state.terms, True)[0]
        return wanted

    def compare_progress(self, owner, progress, epochs, stop, told, batches):
        if not progress.end_of_epoch:
            return abi.OK
        if progress.epoch >= len(told):
            raise Disagreement(f"the end of epoch {progress.epoch} is told, which must not be reached")
        epoch = told[progress.epoch]
        got = [progress.epochs, progress.batch, progress.batches, progress.samples]
        require(got, [epochs, epoch.batches, batches or -1, epoch.samples], "epochs, batch, batches, samples")
        require(progress.loss, epoch.loss, "loss of the epoch")
        if progress.metric_count:
            require(progress.metrics[0], epoch.accuracy, "accuracy of the epoch")
        require(progress.validation_loss, epoch.validation[0], "loss of the validation")
        if progress.validation_metrics and progress.metric_count:
            require(progress.validation_metrics[0], epoch.validation[1], "accuracy of the validation")
        for model in self.models.values():
            if model.state is owner.state.model:
                require_all(
                    self.parameters(model),
                    epoch.published,
                    f"published after epoch {progress.epoch}: parameter",
                )
        self.call_from_within(owner, epoch.published)
        return abi.IO_ERROR if stop is not None and progress.epoch >= stop else abi.OK

    def is_refused(self, owner):
        """Checks that a callback cannot use the trainer that calls it, except for its learning rate."""
        calls = ["trainer_step", "trainer_zero_gradients", "trainer_refresh", "publish"]
        name = calls[self.recorder.calls % len(calls)]
        status = getattr(library, f"denpa_{name}")(owner.handle.pointer)
        if status != abi.BAD_STATE:
            raise Disagreement(f"{name} from within fit's callback: {status_name(status)}")
        rate = ctypes.c_double()
        if library.denpa_trainer_learning_rate(owner.handle.pointer, ctypes.byref(rate)):
            raise Disagreement(f"the learning rate from within fit's callback: {last_error()}")
        if library.denpa_trainer_set_learning_rate(owner.handle.pointer, rate.value):
            raise Disagreement(f"setting it from within fit's callback: {last_error()}")
        require(rate.value, owner.state.rate, "the learning rate within fit's callback")

    def call_from_within(self, owner, published):
        """Uses the model and its sessions from a callback, and makes other trainers, all of which is
        allowed.
        """
        self.is_refused(owner)
        net, batch = owner.state.net, Batch(1, 2)
        quiet = CApi(Recorder(None))
        for model in self.models.values():
            if model.state is owner.state.model:
                copied = quiet.create("model", "copy", "copy", "model_copy", model.handle.pointer, 0)
                require_all(
                    quiet.views(copied, net), published, "a copy from within fit's callback: parameter"
                )
                other = quiet.create_trainer("other", model.handle, (), None, 1, False)
                quiet.destroy(other), quiet.destroy(copied)
        for session in self.sessions.values():
            if session.state[0] is owner.state.model:
                x, y = batch.inputs(net), [np.empty((1, net.widths[name])) for name in net.outputs]
                given = pack([tensor(a) for a in x]), len(x), pack([tensor(a) for a in y]), len(y)
                if library.denpa_predict(session.handle.pointer, *given):
                    raise Disagreement(f"predict from within fit's callback: {last_error()}")
                for got, wanted in zip(y, net.forward(published, x)[0]):
                    require(got, wanted, "prediction from within fit's callback")

    def finish_fit(self, ways, loss):
        self.api.finish()
        if self.errors:
            raise self.errors[0]
        self.compare_loss(loss, self.settle(ways))
        self.look()

    def ways(self, state, result):
        status, loss, told, clone, published = result

        def commit():
            state.adopt(clone)
            state.model.published += [epoch.published for epoch in told]
            if published is not None:
                state.model.parameters.update(published)
            return loss

        return [(status, commit)]

    # -- data in memory -------------------------------------------------------------------------------------

    @precondition(lambda self: self.trainers)
    @rule(
        trainer=PICK,
        data=BATCH,
        more=st.sampled_from([0, 3, 6]),
        size=st.sampled_from([2, 1, 3, 4, 0, 9]),
        epochs=EPOCHS,
        shuffle=st.booleans(),
        strided=st.booleans(),
        validation=VALIDATION,
        stop=STOP,
    )
    def fit(self, trainer, data, more, size, epochs, shuffle, strided, validation, stop):
        owner, state, pointer = self.trainer(trainer)
        if data.mistake != "input mixed":
            data = dataclasses.replace(data, rows=data.rows and data.rows + more)
        size = min(size, state.max_batch) if "growth" in WITHOUT else size
        refusals = state.refusals(data, learns=True, strided=True)
        if data.rows == 0:
            refusals.append((abi.BAD_ARGUMENT, None))
        if validation is not None:
            validation = self.possible(validation)
            refusals += state.refusals(validation, strided=True)
        result = None
        if not refusals:
            rows = state.rows_in_order(
                data.inputs(state.net), data.targets(state.net, state.terms), size or state.max_batch, shuffle
            )
            result = state.fit(rows, epochs, stop, validation)
        batches = -(-data.rows // (size or state.max_batch))
        wanted = self.options(
            owner,
            epochs,
            stop,
            validation,
            result[2] if result else [],
            batches,
            batch_size=size,
            sampling=int(not shuffle),
        )
        arrays = (
            *self.api.inputs(data, state.net, strided),
            *self.api.targets(data, state.net, state.terms, strided),
        )
        loss = ctypes.c_double(SENTINEL)
        words = [f"{data}", f"batch_size {size}", f"epochs {epochs}", "shuffled" if shuffle else "in order"]
        words += ["strided"] * strided + [f"validation {validation}"] * (validation is not None)
        words += [f"stopped after epoch {stop}"] * (stop is not None)
        self.api.call(
            f"{owner.handle} fit {', '.join(words)}",
            "fit",
            pointer,
            *arrays,
            ctypes.byref(wanted),
            ctypes.byref(loss),
        )
        self.finish_fit(refusals or self.ways(state, result), loss)

    def possible(self, batch):
        """Removes mistakes that cannot be made if the number of tensors is given."""
        return (
            dataclasses.replace(batch, mistake=None)
            if batch.mistake and batch.mistake.endswith("count")
            else batch
        )

    # -- a source -------------------------------------------------------------------------------------------

    @precondition(lambda self: self.trainers)
    @rule(
        trainer=PICK,
        batches=st.lists(BATCH, max_size=4),
        fails=st.sampled_from([None, None, None, 0, 1, 2]),
        epochs=EPOCHS,
        rewind=st.sampled_from(["works", "works", "works", "fails", "is missing"]),
        validation=VALIDATION,
        stop=STOP,
    )
    def fit_source(self, trainer, batches, fails, epochs, rewind, validation, stop):
        owner, state, pointer = self.trainer(trainer)
        net = state.net
        batches = [
            self.within(state, dataclasses.replace(self.possible(b), rows=max(b.rows, 1))) for b in batches
        ]
        refusals = state.refusals(None, learns=True)
        if validation is not None:
            validation = self.possible(validation)
            refusals += state.refusals(validation, strided=True)
        if epochs > 1 and rewind == "is missing":
            refusals.append((abi.BAD_ARGUMENT, None))

        def items(clone):
            if rewind == "fails" and items.begun:
                yield abi.IO_ERROR
            items.begun = True
            for number, batch in enumerate(batches):
                if number == fails:
                    yield abi.BUSY
                fault = batch.fault(net, state.terms)
                yield (batch.inputs(net), batch.targets(net, state.terms)) if fault is None else fault
            if fails is not None and fails >= len(batches):
                yield abi.BUSY

        items.begun = False
        result = None if refusals else state.fit(items, epochs, stop, validation)
        wanted = self.options(owner, epochs, stop, validation, result[2] if result else [], None)
        position = 0
        held, main, ours = [], self.api.memory, CallerMemory()

        def next_(_, inputs, targets):
            nonlocal position
            try:
                number, position = position, position + 1
                self.is_refused(owner)
                ours.settle(True)  # what was passed before may be overwritten now
                held.clear()
                if number == fails:
                    return abi.BUSY
                if number >= len(batches):
                    return abi.BUSY if fails is not None and fails >= len(batches) else abi.END_OF_DATA
                self.api.memory = ours
                given = (
                    self.api.inputs(batches[number], net),
                    self.api.targets(batches[number], net, state.terms),
                )
                self.api.memory = main
                for places, (tensors, _) in zip((inputs, targets), given):
                    held.append(tensors)
                    for k in range(len(net.inputs) if places is inputs else len(state.terms)):
                        places[k] = tensors[k]
                return abi.OK
            except BaseException as error:
                self.errors.append(error)
                return abi.STOPPED

        def again(_):
            nonlocal position
            position = 0
            return abi.IO_ERROR if rewind == "fails" else abi.OK

        take, back = (
            abi.NextCallback(next_),
            abi.RewindCallback(again) if rewind != "is missing" else abi.RewindCallback(),
        )
        loss = ctypes.c_double(SENTINEL)
        words = [f"{batches}", f"epochs {epochs}", f"rewind {rewind}"] + [f"next fails at {fails}"] * (
            fails is not None
        )
        words += [f"validation {validation}"] * (validation is not None) + [f"stopped after epoch {stop}"] * (
            stop is not None
        )
        text = f"{owner.handle} fit_source {', '.join(words)}"
        self.api.call(text, "fit_source", pointer, take, back, None, ctypes.byref(wanted), ctypes.byref(loss))
        self.finish_fit(refusals or self.ways(state, result), loss)
