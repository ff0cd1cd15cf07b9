"""What fit shows while it runs: a line that moves, HTML in a notebook, or a line every few seconds."""

from __future__ import annotations

import importlib
import sys
import time
from typing import Any, Callable, TextIO, Union

from . import _abi as abi

BAR = 20  # characters
SECONDS = 5.0  # between two lines where there is no terminal
NOTEBOOK_SECONDS = 0.1  # between two updates of a notebook
SHOWN = 10  # finished epochs in a notebook


def head(progress: abi.Progress) -> str:
    return f"epoch {progress.epoch + 1:>{len(str(progress.epochs))}}/{progress.epochs}"


def tail(logs: dict[str, float], seconds: float) -> str:
    return "  ".join([*(f"{name} {value:.4f}" for name, value in logs.items()), f"{seconds:.1f} s"])


def count_of(progress: abi.Progress, batches: int | None) -> str:
    """Return how many batches are done, of how many if that is known and right."""
    if batches is None or progress.batch > batches:
        return f"{progress.batch} batches"
    return f"{progress.batch}/{batches}"


class Terminal:
    """A line with a bar that is written again and again; the next epoch has the next line."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self.stream, self.clock = stream, clock
        self.started, self.width = clock(), 0

    def show(self, progress: abi.Progress, logs: dict[str, float], batches: int | None) -> None:
        """Show the progress, within an epoch or at its end. `batches` is the number of them in an epoch."""
        count = count_of(progress, batches)
        if batches and progress.batch <= batches:
            done = BAR if progress.end_of_epoch else BAR * progress.batch // batches
            count = f"[{'#' * done}{'.' * (BAR - done)}] {count}"
        line = f"{head(progress)}  {count}  {tail(logs, self.clock() - self.started)}"
        self.stream.write("\r" + line.ljust(self.width) + ("\n" if progress.end_of_epoch else ""))
        self.stream.flush()
        self.width = 0 if progress.end_of_epoch else len(line)
        if progress.end_of_epoch:
            self.started = self.clock()

    def finish(self) -> None:
        """End a line that was left incomplete when training stopped."""
        if self.width:
            self.stream.write("\n")
            self.stream.flush()
            self.width = 0


class Lines:
    """Plain lines for a file or a pipe: the first epoch, the last one, and one line every few seconds."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self.stream, self.clock = stream, clock
        self.started = clock()
        self.written: float | None = None  # when the last line was
        self.waiting: str | None = None  # the line of the last epoch, if it was not written

    def show(self, progress: abi.Progress, logs: dict[str, float], batches: int | None) -> None:
        now = self.clock()
        since = now - (self.started if self.written is None else self.written)
        line = f"{head(progress)}  {count_of(progress, batches)}  {tail(logs, self.clock() - self.started)}"
        is_first = progress.end_of_epoch and self.written is None
        is_last = progress.end_of_epoch and progress.epoch + 1 == progress.epochs
        if is_first or is_last or since >= SECONDS:
            self.write(line)
            self.written = now
        elif progress.end_of_epoch:
            self.waiting = line
        if progress.end_of_epoch:
            self.started = now

    def write(self, line: str) -> None:
        self.stream.write(line + "\n")
        self.stream.flush()
        self.waiting = None

    def finish(self) -> None:
        """Write the line of the last epoch if training ended with it."""
        if self.waiting is not None:
            self.write(self.waiting)


class Notebook:
    """A bar and a table of the last epochs in the output of a cell, which is replaced again and again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock, self.started = clock, clock()
        shown: Any = importlib.import_module("IPython.display")
        self.display, self.page = shown.display, shown.HTML
        self.handle: Any = None
        self.rows: list[tuple[int, dict[str, float], float]] = []
        self.shown: float | None = None
        self.now = ""  # about the epoch that is not finished
        self.is_stale = False

    def show(self, progress: abi.Progress, logs: dict[str, float], batches: int | None) -> None:
        now = self.clock()
        if progress.end_of_epoch:
            self.rows = [*self.rows[1 - SHOWN :], (int(progress.epoch) + 1, dict(logs), now - self.started)]
            self.started = now
        known = batches is not None and progress.batch <= batches
        extent = f' value="{progress.batch}" max="{batches}"' if known else ""
        text = f"{head(progress)}  {count_of(progress, batches)}  {tail(logs, self.clock() - self.started)}"
        self.now = "" if progress.end_of_epoch else f"<progress{extent}></progress> {escape(text)}"
        self.is_stale = True
        if self.shown is None or now - self.shown >= NOTEBOOK_SECONDS:
            self.update()
            self.shown = now

    def update(self) -> None:
        names = list(self.rows[-1][1]) if self.rows else []
        head = "".join(f"<th>{escape(name)}</th>" for name in ["epoch", *names, "s"])
        lines = [
            "".join(
                f"<td>{cell}</td>"
                for cell in [epoch, *(number(logs.get(n)) for n in names), f"{seconds:.1f}"]
            )
            for epoch, logs, seconds in self.rows
        ]
        table = "".join(f"<tr>{line}</tr>" for line in lines)
        page = self.page((f"<table><tr>{head}</tr>{table}</table>" if lines else "") + self.now)
        if self.handle is None:
            self.handle = self.display(page, display_id=True)
        else:
            self.handle.update(page)
        self.is_stale = False

    def finish(self) -> None:
        """Show the last epoch, even if it was quick."""
        if self.is_stale:
            self.update()


def escape(text: str) -> str:
    """Return the text for a page; the module html would take a millisecond of every import."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


Progress = Union[Terminal, Lines, Notebook]


def number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def progress_bar() -> Progress:
    """Return what shows the progress where this program writes its output."""
    ipython: Any = sys.modules.get("IPython")  # it is there if it runs this program
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None and getattr(shell, "kernel", None) is not None:
        return Notebook()
    is_terminal = bool(getattr(sys.stdout, "isatty", lambda: False)())
    return Terminal(sys.stdout) if is_terminal else Lines(sys.stdout)
