"""Self-contained pages: HTML with its style, its program and its data, and nothing from elsewhere."""

from __future__ import annotations

import base64
import html
import json
import math
import os
from typing import Any, Sequence

import numpy as np

from ._arrays import Array
from .errors import TypeMismatch

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pages")


def asset(name: str) -> str:
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return file.read()


def page(title: str, programs: Sequence[str], data: Any) -> str:
    """Return a page of its own. `programs` are files of the folder pages; they find `data` in the page.

    The elements of the page are those of the last one.
    """
    scripts = "".join(asset(f"{name}.js") for name in ("page", *programs))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        "script-src 'unsafe-inline'; img-src data:\">\n"
        f"<title>{html.escape(title)}</title>\n<style>\n{asset('page.css')}</style>\n</head>\n<body>\n"
        f"{asset(programs[-1] + '.html')}"
        f'<script type="application/json" id="data">{embedded(data)}</script>\n'
        f"<script>\n{scripts}</script>\n</body>\n</html>\n"
    )


def embedded(data: Any) -> str:
    """Return data as JSON that cannot end the element that it is in. What JSON has no word for is null."""
    text = json.dumps(plain(data), allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def plain(data: Any) -> Any:
    """Return data with NumPy's numbers as Python's, and None for those that are not finite."""
    if isinstance(data, dict):
        return {str(key): plain(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [plain(value) for value in data]
    if isinstance(data, np.ndarray):
        return plain(data.tolist())
    if isinstance(data, np.generic):
        data = data.item()
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return data


def packed(array: Array, dtype: str) -> str:
    """Return the elements of an array in base64, little-endian, which page.js reads."""
    return base64.b64encode(np.ascontiguousarray(array, np.dtype(dtype).newbyteorder("<")).tobytes()).decode()


def save(path: Any, text: str) -> None:
    """Write a page."""
    try:
        name = os.fspath(path)
    except TypeError:
        raise TypeMismatch(f"path must be a path, got {type(path).__name__}") from None
    with open(name, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
