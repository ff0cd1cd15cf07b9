"""What can go wrong, as exceptions. Each one is a DenpaError and the built-in exception that a caller would expect.

The sentence is the engine's own: it names the node, what was expected and what was given.
"""

from __future__ import annotations

import errno
import os


class DenpaError(Exception):
    """Anything that Denpa refuses. `status` is the engine's code (denpa_types.h), 0 where Python itself refused."""

    status: int = 0

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class InvalidArgument(DenpaError, ValueError):
    """A number out of range, an unknown attribute, a missing value."""


class ShapeError(DenpaError, ValueError):
    """An array's shape does not fit."""


class TypeMismatch(DenpaError, TypeError):
    """An array's element type, or the type of an argument, does not fit."""


class NotFound(DenpaError, KeyError):
    """The network has no layer, parameter, input or output of that name."""


class NotRegistered(DenpaError, KeyError):
    """There is no layer, loss, optimizer or initializer of that kind: perhaps its plugin is to be loaded first."""


class AlreadyExists(DenpaError, ValueError):
    """The name is taken."""


class OutOfMemory(DenpaError, MemoryError):
    """An allocation failed; nothing has changed."""


class LimitExceeded(DenpaError, OverflowError):
    """Larger than one of the engine's stated limits."""


class BadState(DenpaError, RuntimeError):
    """Not now: backward before forward, a step without an optimizer, a network that was closed."""


class FileError(DenpaError, OSError):
    """A file could not be read or written, or is not a Denpa model."""


class MissingFile(FileError, FileNotFoundError):
    """There is no such file."""

    def __init__(self, path: str) -> None:
        super().__init__(f"no such file: {os.path.abspath(path)}")
        self.errno, self.filename = errno.ENOENT, path


class PluginError(DenpaError, ImportError):
    """Not a plugin, of another ABI, or its description is wrong; or a layer's own code failed."""


class ProofFailed(DenpaError, AssertionError):
    """A layer or a network does not do what it declares. `report` has the proof's findings, where there are any."""

    report: str = ""


class NotFinite(DenpaError, ArithmeticError):
    """Training met NaN or infinity. The network keeps the last good weights."""


class Stopped(DenpaError):
    """A callback asked to stop; what was learned until then is kept."""


class CallbackFailed(DenpaError, RuntimeError):
    """A callback that is written in C++ threw an exception."""


class NotSupported(DenpaError, NotImplementedError):
    """This build, machine or layer cannot do that."""


class InternalError(DenpaError, RuntimeError):
    """A defect of Denpa: please report the message."""
