"""The classes of the schedules.

They are made from the engine's own description when denpa is imported.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    raise AttributeError(f"denpa.schedules has no {name!r}: no such schedule is registered")
