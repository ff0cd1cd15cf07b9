"""The layers: one class for each that the engine knows, those of loaded plugins included (vendor.swish: Swish).

Made from the engine's own description when denpa is imported, and again when a plugin is loaded.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    raise AttributeError(f"denpa.layers has no {name!r}: no such layer is registered (load its plugin first?)")
