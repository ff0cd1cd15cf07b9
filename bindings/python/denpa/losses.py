"""The classes of the losses.

They are made from the engine's own description when denpa is imported, and again after a plugin is loaded.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    raise AttributeError(f"denpa.losses has no {name!r}: no such loss is registered (load its plugin first?)")
