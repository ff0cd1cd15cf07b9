"""The exceptions of Denpa. Each one is a DenpaError and also the corresponding built-in exception.

The messages are the engine's own: they name the node, what was expected and what was given.
"""

from __future__ import annotations

import errno
import os


class DenpaError(Exception):
    """The base of all errors of Denpa.

    `status` is the engine's code (denpa_types.h), or 0 if the error was raised by Python itself.
    """

    status: int = 0

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class InvalidArgument(DenpaError, ValueError):
    """A number is out of range, an attribute is unknown, or a value is missing."""


class ShapeError(DenpaError, ValueError):
    """An array has an unsuitable shape."""


class TypeMismatch(DenpaError, TypeError):
    """An array has an unsuitable element type, or an argument an unsuitable type."""


class NotFound(DenpaError, KeyError):
    """The network has no layer, parameter, input or output of that name."""


class NotRegistered(DenpaError, KeyError):
    """No layer, loss, optimizer or initializer of that kind is registered.

    Its plugin may have to be loaded first.
    """


class AlreadyExists(DenpaError, ValueError):
    """The name is taken."""


class OutOfMemory(DenpaError, MemoryError):
    """An allocation failed; nothing has changed."""


class LimitExceeded(DenpaError, OverflowError):
    """One of the engine's stated limits is exceeded."""


class BadState(DenpaError, RuntimeError):
    """Not possible now: backward before forward, a step without an optimizer, a closed network."""


class FileError(DenpaError, OSError):
    """A file could not be read or written, or is not a Denpa model."""


class MissingFile(FileError, FileNotFoundError):
    """The file does not exist."""

    def __init__(self, path: str) -> None:
        super().__init__(f"no such file: {os.path.abspath(path)}")
        self.errno, self.filename = errno.ENOENT, path


class PluginError(DenpaError, ImportError):
    """Not a plugin, made for another ABI, or invalidly described; or a layer's own code failed."""


class ProofFailed(DenpaError, AssertionError):
    """A layer or a network does not do what it declares.

    `report` holds the findings of the proof, if there are any.
    """

    report: str = ""


class NotFinite(DenpaError, ArithmeticError):
    """Training produced NaN or infinity. The network keeps the last good weights."""


class Stopped(DenpaError):
    """A callback requested a stop. What was learned before is kept."""


class CallbackFailed(DenpaError, RuntimeError):
    """A callback written in C++ threw an exception."""


class NotSupported(DenpaError, NotImplementedError):
    """Not supported by this build, machine or layer."""


class InternalError(DenpaError, RuntimeError):
    """A defect of Denpa: please report the message."""
