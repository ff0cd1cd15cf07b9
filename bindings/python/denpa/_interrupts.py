"""Ctrl-C while the engine works."""

from __future__ import annotations

import collections
import functools
import threading
from typing import Any, Callable, Iterator

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


ROOM = 16  # calls of one function that may begin at the same time


def shielded(function: Callable[[Any], int], note: Callable[[BaseException], None], failed: int) -> Any:
    """Return a callable for ctypes that calls function(argument) and that no exception leaves.

    A function that ctypes calls may be interrupted at its first instruction, before its own `try`; ctypes then
    prints the exception, and the engine takes what it finds for the result. A generator that waits in a `try` can
    be interrupted only there. So each call is passed, without any code of Python in between, to the `send` of a
    generator of its own, which returns `failed` for an exception and gives it to `note`.
    """
    waiting: collections.deque[Any] = collections.deque()

    def serve() -> Iterator[int]:
        answer = failed
        try:
            argument = yield 0
            prepare()
            answer = function(argument)
        except GeneratorExit:
            return
        except BaseException as error:
            note(error)
            prepare()  # an interrupt may have come before the other one
        yield answer

    def prepare() -> None:
        while len(waiting) < ROOM:
            call: Any = serve()
            next(call)
            waiting.append(call.send)

    prepare()
    # The look-up of __call__ takes the next generator: partial, next and iter are implemented in C.
    take: Any = functools.partial(next, iter(waiting.popleft, None))
    return type("Shielded", (), {"__slots__": (), "__call__": property(take)})()
