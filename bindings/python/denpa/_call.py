"""The border to the C library: finding it, statuses to exceptions, the life of handles."""

from __future__ import annotations

import ctypes
import os
import sys
import weakref
from typing import Any, Callable, NoReturn

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

LIBRARY_NAME = "libdenpa.dylib" if sys.platform == "darwin" else "libdenpa.so"
SYSTEM_NAME = "libdenpa.0.dylib" if sys.platform == "darwin" else "libdenpa.so.0"


def candidates() -> list[str]:
    """Where the library may be, best first. The environment variable DENPA_LIBRARY rules out all others."""
    chosen = os.environ.get("DENPA_LIBRARY")
    if chosen:
        return [chosen]
    here = os.path.dirname(os.path.abspath(__file__))
    checkout = os.path.normpath(os.path.join(here, "..", "..", "..", "build", LIBRARY_NAME))
    return [os.path.join(here, LIBRARY_NAME), checkout, SYSTEM_NAME]


def c_text(text: str) -> bytes:
    """A name as C takes it; a zero byte would end it early and name something else."""
    encoded = text.encode()
    if b"\0" in encoded:
        raise errors.InvalidArgument(f"a name has no zero bytes: {text!r}")
    return encoded


def path_bytes(path: Any) -> bytes:
    """A path as C takes it; a zero byte would end it early and name another file."""
    encoded = os.fsencode(path)
    if b"\0" in encoded:
        raise errors.InvalidArgument(f"a path has no zero bytes: {path!r}")
    return encoded


def load() -> ctypes.CDLL:
    """The library with every function's exact signature, or an ImportError that says what to do."""
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
            raise ImportError(f"{path} is of another version than this package ({abi.VERSION}): {error}") from None
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
    """The sentence of this thread's last failing call."""
    return _last_error().decode("utf-8", "replace")


def failure(status: int, message: str | None = None) -> errors.DenpaError:
    """The exception of a status, with the engine's sentence (or `message`)."""
    error = EXCEPTIONS.get(status, errors.DenpaError)(message or last_error() or status_name(status))
    error.status = status
    return error


def status_name(status: int) -> str:
    name: bytes = library.denpa_status_name(status)
    return name.decode()


def fail(status: int) -> NoReturn:
    raise failure(status)


def check(status: int) -> None:
    """Raises what a status other than OK stands for."""
    if status:
        fail(status)


class Handle:
    """Owns one object of the library: destroys it when nobody refers to it any more, or at once by close()."""

    __slots__ = ("__weakref__", "_finalizer", "pointer")

    def __init__(self, pointer: Any, destroy: Callable[[Any], int]) -> None:
        self.pointer = pointer
        self._finalizer = weakref.finalize(self, destroy, pointer)
        self._finalizer.atexit = False

    def close(self) -> None:
        """Destroys the object now. Calls with it are then refused with BadState."""
        self._finalizer()
        self.pointer = None


class Closed(Handle):
    """Stands where a handle was: whoever asks for it is told so."""

    __slots__ = ("message",)

    def __init__(self, message: str) -> None:
        self.message = message

    @property
    def pointer(self) -> Any:
        raise errors.BadState(self.message)


def create(kind: type[Any], name: str, *arguments: Any) -> Handle:
    """A handle of `kind` by the function `name` whose last argument receives it."""
    pointer = ctypes.POINTER(kind)()
    check(getattr(library, name)(*arguments, ctypes.byref(pointer)))
    destroy = getattr(library, f"denpa_{kind.__name__.lower()}_destroy")
    return Handle(pointer, destroy)


def text(function: Callable[..., int], *arguments: Any, room: int = 0) -> str:
    """What a function that writes a text has to say; `room` bytes are tried first, where asking twice is dear."""
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
        raise error
    return written


def options(kind: type[Any], **fields: Any) -> Any:
    """An option struct with its struct_size."""
    struct = kind(**fields)
    struct.struct_size = ctypes.sizeof(kind)
    return struct
