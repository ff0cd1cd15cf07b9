"""What the campaign leaves out: defects that are known and not repaired yet. Who repairs one takes its line
away."""

from __future__ import annotations

import os

KNOWN: dict[str, str] = {}

# CALLS_WITHOUT names what is left out instead, separated by commas; nothing where it is empty. Beside these
# names: growth, nan, inf, huge, layer (its failures), class, weights (NaN in them), views, random, mistake,
# memory.
_given = os.environ.get("CALLS_WITHOUT")
WITHOUT = frozenset(KNOWN) if _given is None else frozenset(filter(None, _given.split(",")))
