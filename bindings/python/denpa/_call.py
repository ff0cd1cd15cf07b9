"""The interface to the C library: locating it, turning statuses into exceptions, owning handles."""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import threading
from typing import Any, Callable, NoReturn

import numpy as np

from . import _abi as abi
from . import errors

EXCEPTIONS: dict[int, type[errors.DenpaError]] = {
    abi.BAD_HANDLE: errors.BadState,
    abi.BAD_ARGUMENT: errors.InvalidArgument,
    abi.BAD_SHAPE: errors.ShapeError,
    abi.BAD_DTYPE: errors.TypeMismatch,
    abi.NOT_FOUND: errors.NotFound,
    abi.ALREADY_EXISTS: errors.AlreadyExists,
    abi.OUT_OF_MEMORY: errors.OutOfMemory,
    abi.LIMIT_EXCEEDED: errors.LimitExceeded,
    abi.BAD_STATE: errors.BadState,
    abi.BUSY: errors.BadState,
    abi.IO_ERROR: errors.FileError,
    abi.BAD_FILE: errors.FileError,
    abi.BAD_PLUGIN: errors.PluginError,
    abi.PROOF_FAILED: errors.ProofFailed,
    abi.LAYER_FAILED: errors.PluginError,
    abi.NOT_FINITE: errors.NotFinite,
    abi.STOPPED: errors.Stopped,
    abi.NOT_SUPPORTED: errors.NotSupported,
    abi.INTERNAL_ERROR: errors.InternalError,
    abi.NOT_REGISTERED: errors.NotRegistered,
    abi.CALLBACK_FAILED: errors.CallbackFailed,
}

END = (1 << 31) - 1  # what the engine's slice takes for the end

LIBRARY_NAME = "libdenpa.dylib" if sys.platform == "darwin" else "libdenpa.so"
SYSTEM_NAME = "libdenpa.0.dylib" if sys.platform == "darwin" else "libdenpa.so.0"


def candidates() -> list[str]:
    """Return the paths where the library may be, in order of preference.

    If the environment variable DENPA_LIBRARY is set, it is the only one.
    """
    chosen = os.environ.get("DENPA_LIBRARY")
    if chosen:
        return [chosen]
    here = os.path.dirname(os.path.abspath(__file__))
    checkout = os.path.normpath(os.path.join(here, "..", "..", "..", "build", LIBRARY_NAME))
    return [os.path.join(here, LIBRARY_NAME), checkout, SYSTEM_NAME]


def c_text(text: str) -> bytes:
    """Encode a name for C. A zero byte, which would truncate it to another name, is rejected."""
    if not isinstance(text, str):
        raise errors.TypeMismatch(f"a name is a string, got {text!r}")
    encoded = text.encode()
    if b"\0" in encoded:
        raise errors.InvalidArgument(f"a name has no zero bytes: {text!r}")
    return encoded


def path_bytes(path: Any) -> bytes:
    """Encode a path for C. A zero byte, which would truncate it to another path, is rejected."""
    try:
        encoded = os.fsencode(path)
    except TypeError:
        raise errors.TypeMismatch(
            f"a path is a string or an object such as pathlib.Path, got {path!r}"
        ) from None
    if b"\0" in encoded:
        raise errors.InvalidArgument(f"a path has no zero bytes: {path!r}")
    return encoded


def load() -> ctypes.CDLL:
    """Load the library and declare the signatures of its functions.

    Raises ImportError, with a message that says what to do, if that is not possible.
    """
    tried = []
    for path in candidates():
        if os.sep in path and not os.path.exists(path):
            tried.append(f"  {path}: no such file")
            continue
        try:
            library = ctypes.CDLL(path)
            abi.bind(library)
        except OSError as error:
            tried.append(f"  {path}: {error}")
        except AttributeError as error:
            raise ImportError(
                f"{path} is of another version than this package ({abi.VERSION}): {error}"
            ) from None
        else:
            return library
    raise ImportError(
        "the Denpa library was not found. Looked for:\n"
        + "\n".join(tried)
        + "\nBuild it with `make` in the checkout, or set DENPA_LIBRARY to the path of libdenpa.so."
    )


library: Any = load()
_last_error: Callable[[], bytes] = library.denpa_last_error


def last_error() -> str:
    """Return the message of this thread's last failed call.

    The engine writes the end of a slice that has none, h[:, 2:], as a number.
    """
    return _last_error().decode("utf-8", "replace").replace(f" to {END} are", " to the end are")


class Kept(threading.local):
    """The exception of a layer or loss written in Python, until the engine's function has returned.

    It belongs to the failure whose message has its `text`.
    """

    error: BaseException | None = None
    text = ""

    def keep(self, error: BaseException, text: str = "") -> None:
        self.error, self.text = error, text

    def take(self, message: str) -> BaseException | None:
        found = self.error if self.text in message else None
        self.error = None
        return found


kept = Kept()


def failure(status: int, message: str | None = None) -> BaseException:
    """Return the exception for a status, with the engine's message (or `message`).

    It is the exception of a layer or loss written in Python if that has failed.
    """
    said = message or last_error() or status_name(status)
    raised = kept.take(said) if kept.error is not None else None
    try:
        if raised is not None and status != abi.PROOF_FAILED:
            if hasattr(raised, "add_note"):  # from Python 3.11 on
                raised.add_note(said)
            return raised
        error = EXCEPTIONS.get(status, errors.DenpaError)(said)
        error.status = status
        error.__cause__ = raised
        return error
    finally:
        del raised  # whose traceback may refer to this frame


def status_name(status: int) -> str:
    name: bytes = library.denpa_status_name(status)
    return name.decode()


def fail(status: int) -> NoReturn:
    raise failure(status)


def check(status: int) -> None:
    """Raise the exception for a status other than OK."""
    if status:
        fail(status)


@functools.cache
def life_of(kind: str) -> type[int]:
    """Return a class of integers whose deletion destroys the library object with that handle.

    No Python code runs on deletion: an exception that Ctrl-C raises in a finalizer written in Python would be
    lost, because nothing can catch it. Therefore __del__ is the library's own function, turned into a method
    by a cache of size 0, which is implemented in C.
    """
    destroy = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)((f"denpa_{kind}_destroy", library))
    return type(
        f"{kind.title()}Life", (int,), {"__slots__": (), "__del__": functools.lru_cache(maxsize=0)(destroy)}
    )


def out_of_sight(value: Any) -> Any:
    """Return an array that holds a value where the garbage collector does not find it.

    The collector finalizes all objects of a cycle in any order, and from Python 3.11 on it tracks integers of
    a class of their own. Arrays it does not track: what they hold is deleted after everything that refers to
    it, so a network remains usable in the __del__ of another object.
    """
    array = np.empty((), object)
    array[()] = value
    return array


class Handle:
    """Owns an object of the library, which is destroyed with the last reference to `pointer`.

    The pointer holds the object's life, so a call that has begun is never given a destroyed object: the
    interpreter refers to the arguments of a call until it has returned.
    """

    __slots__ = ("pointer",)

    def __init__(self, pointer: Any, kind: str) -> None:
        address = ctypes.c_void_p.from_buffer(pointer).value or 0  # a cast would refer to itself
        pointer.life = out_of_sight(life_of(kind)(address))
        self.pointer = pointer


class Closed(Handle):
    """Takes the place of a closed handle; using it raises BadState."""

    __slots__ = ("message",)

    def __init__(self, message: str) -> None:
        self.message = message

    @property
    def pointer(self) -> Any:
        raise errors.BadState(self.message)


def create(kind: type[Any], name: str, *arguments: Any) -> Handle:
    """Return a handle to the object of class `kind` that the function `name` stores in its last argument."""
    pointer = ctypes.POINTER(kind)()
    check(getattr(library, name)(*arguments, ctypes.byref(pointer)))
    return Handle(pointer, kind.__name__.lower())


def prepared(name: str, *arguments: Any) -> Callable[[], int]:
    """Return a call of a function of the library with arguments that are converted once, and kept alive.

    They are numbers, pointers and arrays of ctypes. Converting the arguments of a call takes as long as all of
    the rest of it.
    """
    function = library[name]  # one of its own, which knows no types
    call: Any = functools.partial(function, *[argument_of(argument) for argument in arguments])
    call.arguments = arguments
    return call  # type: ignore[no-any-return]


def argument_of(value: Any) -> Any:
    """Return what a C function is passed for a number, a pointer or an array."""
    if isinstance(value, int):
        return ctypes.c_int32(value)
    if isinstance(value, ctypes._Pointer):
        return ctypes.c_void_p.from_buffer(value)  # a cast would refer to itself
    return ctypes.c_void_p(ctypes.addressof(value))


def contents(function: Callable[..., int], *arguments: Any) -> bytes:
    """Return the bytes written by a C function."""
    length = ctypes.c_int64()
    check(function(*arguments, None, 0, ctypes.byref(length)))
    buffer = ctypes.create_string_buffer(length.value)
    check(function(*arguments, buffer, len(buffer), ctypes.byref(length)))
    return buffer.raw[: length.value]


def text(function: Callable[..., int], *arguments: Any, room: int = 0) -> str:
    """Return the text written by a C function.

    `room` bytes are tried first, for functions that are expensive to call twice.
    """
    length = ctypes.c_int64()
    buffer = ctypes.create_string_buffer(room) if room else None
    status = function(*arguments, buffer, room, ctypes.byref(length))
    if status == abi.LIMIT_EXCEEDED or (status == abi.OK and not room):
        buffer = ctypes.create_string_buffer(length.value + 1)
        status = function(*arguments, buffer, len(buffer), ctypes.byref(length))
    written = buffer.value.decode("utf-8", "replace") if buffer is not None else ""
    if status:
        error = failure(status)
        if isinstance(error, errors.ProofFailed):
            error.report = written
        try:
            raise error
        finally:
            del error  # the traceback refers to this frame
    return written


def options(kind: type[Any], **fields: Any) -> Any:
    """Return an option struct with struct_size set."""
    struct = kind(**fields)
    struct.struct_size = ctypes.sizeof(kind)
    return struct
