"""Loads a mutant, and checks what comes of it."""

from __future__ import annotations

import ctypes
import math
import mmap
import os
import resource
import tempfile

from denpa import _abi as abi
from denpa._call import contents, last_error, library, options, status_name

# A model file may have layers that nobody knows, and dtypes or versions that are none of Denpa's.
OF_MODELS = {abi.OK, abi.BAD_FILE, abi.NOT_REGISTERED, abi.NOT_SUPPORTED}
OF_TRAINERS = {abi.OK, abi.BAD_FILE, abi.NOT_SUPPORTED}
OF_WEIGHTS = {abi.OK, abi.BAD_FILE, abi.BAD_SHAPE, abi.NOT_SUPPORTED}
ALLOWED = 16_000_000  # bytes that loading may take besides twice the file ...
NODE = 512  # ... and for each node of the graph
SANITIZED = "libclang_rt" in os.environ.get("LD_PRELOAD", "")
MEMORY = "/dev/shm"
SMALL = 100_000  # elements of an input with which a loaded model predicts


class Finding(Exception):
    """Something that must not happen."""


def require(condition, what):
    if not condition:
        raise Finding(what)


class Limit:
    """While it is entered, the process has no more memory than loading the file may take."""

    def __init__(self, data):
        self.bytes = 2 * len(data) + ALLOWED + NODE * data.count(b"kind")

    def __enter__(self):
        if not SANITIZED:
            with open("/proc/self/statm") as file:
                used = int(file.read().split()[0]) * mmap.PAGESIZE
            resource.setrlimit(resource.RLIMIT_AS, (used + self.bytes, resource.RLIM_INFINITY))

    def __exit__(self, *error):
        if not SANITIZED:
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)


def sentence(status, allowed):
    """Checks the status of a call and its message."""
    text = "" if status == abi.OK else last_error()
    require(status in allowed, f"{status_name(status)}: {text}")
    require(status == abi.OK or len(text) > 10, f"{status_name(status)} says only {text!r}")


class Checker:
    """Checks what becomes of a mutant, and leaves the objects that it was loaded into as they were."""

    def __init__(self):
        # In memory if possible: files are synced whenever they are saved.
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None)
        self.path = os.path.join(self.folder.name, "mutant").encode()

    def file(self, data):
        """Returns the path of a file with these contents."""
        with open(self.path, "wb") as file:
            file.write(data)
        return self.path

    def saved(self, function, *arguments):
        """Returns the contents of a file that a function saves."""
        require(function(*arguments[:1], self.path, *arguments[1:]) == abi.OK, f"not saved: {last_error()}")
        with open(self.path, "rb") as file:
            return file.read()

    # -- models --------------------------------------------------------------------------------------------

    def load(self, data, from_disk=False):
        """Returns (status, model)."""
        model = ctypes.POINTER(abi.Model)()
        if from_disk:
            path = self.file(data)
            with Limit(data):
                status = library.denpa_model_load(path, ctypes.byref(model))
        else:
            with Limit(data):
                status = library.denpa_model_load_bytes(data, len(data), ctypes.byref(model))
        require(bool(model) == (status == abi.OK), "a model beside an error, or none")
        return status, model

    def model(self, data, original, right, from_disk):
        """Checks a mutant of a model file; returns the status."""
        status, model = self.load(data, from_disk)
        try:
            sentence(status, OF_MODELS)
            require(right or data == original or status == abi.BAD_FILE, "a wrong checksum was overlooked")
            if status == abi.OK:
                self.use(model)
                self.same_again(model)
        finally:
            if model:
                library.denpa_model_destroy(model)
        return status

    def same_again(self, model):
        """What was loaded is saved, and loaded as the same."""
        saved = contents(library.denpa_model_save_bytes, model)
        status, again = self.load(saved)
        try:
            require(status == abi.OK, f"its own file is refused: {last_error()}")
            require(contents(library.denpa_model_save_bytes, again) == saved, "its own file is another model")
        finally:
            if again:
                library.denpa_model_destroy(again)

    def use(self, model):
        """Predicts with zeros; any status is right."""
        counts = [ctypes.c_int32() for _ in range(3)]
        require(library.denpa_model_counts(model, *map(ctypes.byref, counts)) == abi.OK, "no counts")
        tensors, kept = (abi.Tensor * max(counts[0].value, 1))(), []
        for number in range(counts[0].value):
            port = options(abi.Port)
            require(library.denpa_model_input(model, number, ctypes.byref(port)) == abi.OK, "no input")
            shape = [1, *(2 if extent == abi.ANY else extent for extent in port.dim[: port.rank])]
            if math.prod(shape) > SMALL or len(shape) > 8:
                return
            kept.append((ctypes.c_char * max(8 * math.prod(shape), 8))())
            tensors[number].data = ctypes.addressof(kept[-1])
            tensors[number].dtype, tensors[number].rank = port.dtype, len(shape)
            tensors[number].dim[: len(shape)] = shape
        rank, dim = ctypes.c_int32(), (ctypes.c_int64 * 8)()
        status = library.denpa_model_output_shape(model, tensors, len(kept), 0, ctypes.byref(rank), dim)
        if counts[1].value != 1 or status != abi.OK or math.prod(dim[: rank.value]) > SMALL:
            return
        session, how = ctypes.POINTER(abi.Session)(), options(abi.SessionOptions, max_batch=1, threads=1)
        with Limit(bytes(1 << 26)):
            if library.denpa_session_create(model, ctypes.byref(how), ctypes.byref(session)) != abi.OK:
                return
            output, room = abi.Tensor(), (ctypes.c_char * max(8 * math.prod(dim[: rank.value]), 8))()
            output.data, output.dtype, output.rank = ctypes.addressof(room), abi.FLOAT64, rank.value
            output.dim[: rank.value] = dim[: rank.value]
            library.denpa_predict(session, tensors, len(kept), ctypes.byref(output), 1)
        require(library.denpa_session_destroy(session) == abi.OK, "the session is gone")

    # -- trainers ------------------------------------------------------------------------------------------

    def overwrite(self, data, original, right, load, save, allowed):
        """Loads a mutant into something that exists: all of it or nothing. Returns the status."""
        with Limit(data):
            status = load(data)
        sentence(status, allowed)
        require(right or data == original or status == abi.BAD_FILE, "a wrong checksum was overlooked")
        if status == abi.OK:
            again = save()
            require(load(again) == abi.OK and save() == again, "what it saves is something else")
            require(load(original) == abi.OK, f"no way back: {last_error()}")
        require(save() == original, "a failed call has changed it")
        return status

    def trainer(self, trainer, data, original, right):
        pointer = trainer.pointer
        return self.overwrite(
            data,
            original,
            right,
            lambda data: library.denpa_trainer_load_bytes(pointer, data, len(data)),
            lambda: contents(library.denpa_trainer_save_bytes, pointer),
            OF_TRAINERS,
        )

    def checkpoint(self, trainer, data, original, right):
        """A mutant of a checkpoint, which is a model file too."""
        self.model(data, original, right, False)
        return self.overwrite(
            data,
            original,
            right,
            lambda data: library.denpa_trainer_load(trainer.pointer, self.file(data)),
            lambda: self.saved(library.denpa_trainer_save, trainer.pointer),
            OF_TRAINERS,
        )

    def weights(self, trainer, data, original, right):
        """A mutant of a plain file of weights, which has no checksum."""
        pointer = trainer.model.pointer
        return self.overwrite(
            data,
            original,
            True,
            lambda data: library.denpa_model_load_tensors(pointer, self.file(data), None, 0, 0),
            lambda: self.saved(library.denpa_model_save_tensors, pointer, None, 0),
            OF_WEIGHTS,
        )
