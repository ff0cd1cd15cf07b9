"""The batches that the campaign trains and predicts with: small, repeatable, and sometimes wrong on
purpose.
"""

from __future__ import annotations

import dataclasses
import functools
import numpy as np
from hypothesis import strategies as st

from denpa import _abi as abi
from .known import WITHOUT
from .nets import BACKWARD_FAILS, CE, FORWARD_FAILS

# The mistakes in a batch's values.
POISONS = ["nan x", "nan t", "inf x", "huge t", "class -1", "class n", "forward fails", "backward fails"]
TROUBLE = {"forward fails": "layer", "backward fails": "layer", "class -1": "class", "class n": "class"}

# The mistakes in the descriptions of its tensors, and the status of each.
MISTAKES = {
    "input width": abi.BAD_SHAPE,
    "input rank": abi.BAD_SHAPE,
    "input rows": abi.BAD_SHAPE,
    "input count": abi.BAD_ARGUMENT,
    "input null": abi.BAD_ARGUMENT,
    "input dtype": abi.BAD_DTYPE,
    "input stride": abi.BAD_ARGUMENT,
    "input mixed": abi.BAD_SHAPE,  # one sample with a batch of one row
    "target width": abi.BAD_SHAPE,
    "target rows": abi.BAD_SHAPE,
    "target count": abi.BAD_ARGUMENT,
    "target null": abi.BAD_ARGUMENT,
    "output dtype": abi.BAD_DTYPE,
    "output rows": abi.BAD_SHAPE,
    "output null": abi.BAD_ARGUMENT,
    "output overlap": abi.BAD_ARGUMENT,
}


def numbers(seed, *shape):
    """Multiples of 1/8 from -1 to 1: exact in float32 too."""
    return _drawn(seed, shape).copy()


@functools.cache
def _drawn(seed, shape):
    return np.random.default_rng([seed, *shape]).integers(-8, 9, shape) / 8.0


@dataclasses.dataclass(frozen=True)
class Batch:
    rows: int
    seed: int
    poison: str | None = None
    mistake: str | None = None
    narrow: bool = False  # float32 inputs and targets
    single: bool = False  # one row without the batch axis
    classes: str = "int64"  # the dtype of class numbers

    def __repr__(self):
        words = [f"{self.rows} rows", f"seed {self.seed}"]
        words += [word for word in (self.poison, self.mistake and f"wrong {self.mistake}") if word]
        words += ["float32"] * self.narrow + ["no batch axis"] * self.is_single
        words += [f"classes as {self.classes}"] * (self.classes != "int64")
        return "<" + ", ".join(words) + ">"

    @property
    def is_single(self):
        return self.single and self.rows == 1

    @property
    def place(self):
        """The row with the mistake: rarely the first one."""
        return self.seed % max(self.rows, 1)

    def extents(self, net, name, width):
        """Returns the shape of a sample of an input; sequences are 1 to 3 long."""
        return (1 + self.seed % 3, width) if name in net.sequences else (width,)

    def inputs(self, net):
        """Returns the values with which the reference computes."""
        arrays = [
            numbers(self.seed + 100 * k, self.rows, *self.extents(net, name, width))
            for k, (name, width) in enumerate(net.inputs)
        ]
        if self.rows and self.poison in ("nan x", "inf x", "forward fails", "backward fails"):
            arrays[0][self.place, ..., self.seed % arrays[0].shape[-1]] = {
                "nan x": np.nan,
                "inf x": np.inf,
                "forward fails": FORWARD_FAILS,
                "backward fails": BACKWARD_FAILS,
            }[self.poison]
        return arrays

    def targets(self, net, terms):
        arrays = []
        for k, term in enumerate(terms):
            width = net.widths[net.outputs[term.output]]
            if term.kind == CE:
                t = np.random.default_rng([self.seed, k, 7]).integers(0, width, self.rows)
                if self.rows and self.poison in ("class -1", "class n") and self.classes != "onehot":
                    low = -1 if self.classes != "uint8" else 255
                    t[self.place] = width if self.poison == "class n" else low
            else:
                t = numbers(self.seed + 1000 + 100 * k, self.rows, width)
                if self.rows and self.poison in ("nan t", "huge t"):
                    # The square of the larger one overflows, its gradient does not.
                    t[self.place, self.seed % width] = np.nan if self.poison == "nan t" else 1e200
            arrays.append(t)
        return arrays

    def given_inputs(self, net):
        """Returns the inputs as they are passed to the call."""
        arrays = [x.astype("float32") if self.narrow else x for x in self.inputs(net)]
        return [x[0] for x in arrays] if self.is_single else arrays

    def given_targets(self, net, terms):
        arrays = []
        for term, t in zip(terms, self.targets(net, terms)):
            if term.kind == CE:
                if self.classes == "onehot":
                    t = np.eye(net.widths[net.outputs[term.output]])[t]
                elif self.classes == "column":
                    t = t[:, None].astype("int32")
                else:
                    t = t.astype(self.classes)
            elif self.narrow and self.poison != "huge t":
                t = t.astype("float32")
            arrays.append(t[0] if self.is_single else t)
        return arrays

    def fault(self, net, terms=None, outputs=False, strided=False):
        """Returns the status of a mistake; None if it cannot be made in this call."""
        if self.mistake is None:
            return None
        where = self.mistake.split()[0]
        if where == "target" and not terms or where == "output" and not outputs:
            return None
        if self.mistake == "input rows" and len(net.inputs) < 2:
            return None
        if self.mistake == "input mixed" and (len(net.inputs) < 2 or self.rows != 1 or not strided):
            return None
        if self.mistake == "output overlap" and (len(net.outputs) < 2 or self.rows == 0):
            return None
        if self.mistake == "input stride" and (strided or self.is_single or self.rows < 2):
            return None
        if self.mistake.endswith("null") and self.rows == 0:
            return None
        return MISTAKES[self.mistake]


def _allowed(words):
    return [
        w
        for w in words
        if w not in WITHOUT and TROUBLE.get(w, w) not in WITHOUT and w.split()[0] not in WITHOUT
    ]


ALLOWED = _allowed(POISONS)
POISON = st.sampled_from([None] * 18 + ALLOWED)
MISTAKE = st.sampled_from([None] * 40 + ([] if "mistake" in WITHOUT else list(MISTAKES)))
ROWS = st.sampled_from([2, 3, 1, 4, 0] + ([] if "growth" in WITHOUT else [9, 40]))
SEED = st.integers(0, 5)
BATCH = st.builds(
    Batch,
    ROWS,
    SEED,
    POISON,
    MISTAKE,
    narrow=st.sampled_from([False, False, False, True]),
    single=st.booleans(),
    classes=st.sampled_from(["int64", "int64", "int32", "uint8", "column", "onehot"]),
)
GOOD_BATCH = st.builds(Batch, st.sampled_from([2, 3, 1]), SEED)
