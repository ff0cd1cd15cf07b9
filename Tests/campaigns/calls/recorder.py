"""A flight recorder: every call is written to a file before it is made, so that after a crash the program
that led to it is known.
"""

from __future__ import annotations

import os


class Recorder:
    """The calls of the running program as text."""

    def __init__(self, path):
        self.path = path
        self.file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644) if path else None
        self.lines = []
        self.programs = 0
        self.calls = 0

    def begin(self):
        """Begins a new program."""
        self.lines.clear()
        self.programs += 1
        if self.file is not None:
            os.ftruncate(self.file, 0)
            os.lseek(self.file, 0, os.SEEK_SET)

    def call(self, text):
        """Records a call before it is made."""
        self.lines.append(text)
        self.calls += 1
        if self.file is not None:
            os.write(self.file, text.encode())

    def result(self, text):
        """Records the result of the call."""
        self.lines[-1] += f" -> {text}"
        if self.file is not None:
            os.write(self.file, f" -> {text}\n".encode())

    @property
    def program(self):
        return "\n".join(f"  {number:3d}  {line}" for number, line in enumerate(self.lines, 1))
