"""The classes of the layers, those of loaded plugins included (vendor.swish: Swish).

They are made from the engine's own description when denpa is imported, and again after a plugin is loaded.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    raise AttributeError(
        f"denpa.layers has no {name!r}: no such layer is registered (load its plugin first?)"
    )
