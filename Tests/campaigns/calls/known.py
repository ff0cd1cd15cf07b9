"""What the campaign leaves out: defects that are known and not repaired yet. Who repairs one takes its line
away."""

from __future__ import annotations

import os

KNOWN = {
    "refused forward": "After a layer has failed in backward once, the next call of that kind that is refused "
    "with DENPA_NOT_FINITE or DENPA_OUT_OF_MEMORY lets the gradients become zero.",
    "input gradients": "Where a layer fails in backward, gradients of inputs have been written.",
    "new optimizer": "What was gathered in Python is overwritten by the first backward after a step with "
    "another optimizer than that of the step before (or with the first one), not added to.",
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
