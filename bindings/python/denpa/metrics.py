"""The classes of the metrics.

They are made from the engine's own description when denpa is imported.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    raise AttributeError(f"denpa.metrics has no {name!r}: no such metric is registered")
