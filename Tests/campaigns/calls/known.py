"""What the campaign leaves out: defects that are known and not repaired yet. Who repairs one takes its line
away."""

from __future__ import annotations

import os

KNOWN = {
    "early views": "What is written into a gradient's view before the first backward, or after a step of the "
    "closed loop, is overwritten by the next backward, not added to.",
    "outputs": "A forward in training that is refused with DENPA_NOT_FINITE, or because a layer failed, has "
    "written its outputs.",
    "replace": "A training in Python that is refused has taken over the loss and optimizer it was given.",
    "same names": "A network with one value as two outputs has one of them after from_bytes.",
    "loss keys": "A loss of the same output, by number or by name, counts as another one in Python: the "
    "optimizer begins afresh.",
}

# CALLS_WITHOUT names what is left out instead, separated by commas; nothing where it is empty. Beside these
# names: growth, nan, inf, huge, layer (its failures), class, weights (NaN in them), views, random, mistake,
# memory.
_given = os.environ.get("CALLS_WITHOUT")
WITHOUT = frozenset(KNOWN) if _given is None else frozenset(filter(None, _given.split(",")))
