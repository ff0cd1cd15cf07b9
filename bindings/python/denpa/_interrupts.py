"""Ctrl-C while the engine works."""

from __future__ import annotations

import threading
from typing import Any

from . import _abi as abi


class Interrupts:
    """Defers Ctrl-C while the engine works, so that it cannot strike between two lines of a callback.

    Python would raise KeyboardInterrupt at the first instruction of a function that the engine calls, where
    nothing can catch it. The signal is therefore only recorded; the callback stops the training, and the
    previous handler is called afterwards.
    """

    def __init__(self) -> None:
        self.struck = False
        self.previous: Any = None

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            import signal

            previous = signal.getsignal(signal.SIGINT)
            if callable(previous):
                self.previous = previous
                signal.signal(signal.SIGINT, self.note)
        return self

    def note(self, number: int, frame: Any) -> None:
        self.struck = True

    def __exit__(self, *error: object) -> None:
        if self.previous is not None:
            import signal

            signal.signal(signal.SIGINT, self.previous)

    def answer(self) -> int:
        """Return the status for a callback to return: whether the engine continues."""
        return abi.STOPPED if self.struck else abi.OK

    def speak(self) -> None:
        """Call the previous handler, which normally raises KeyboardInterrupt."""
        if self.struck and self.previous is not None:
            self.previous(2, None)
