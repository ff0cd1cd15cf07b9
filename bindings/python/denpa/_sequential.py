"""Networks of layers in sequence."""

from __future__ import annotations

from typing import Any, Sequence

from ._arrays import DType
from ._building import in_sequence
from ._layer import Layer
from ._model import Model


class Sequential(Model):
    """A network of layers in sequence, for samples of `input_shape` (without the batch; None: see Input).

    Layers are named after their kind and a number ("dense_1"), and so are their parameters ("dense_1.W");
    with names="book", the parameters are W1, b1, W2, ... `input_dtype` is needed only if the first layer
    reads integers ("int64").
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        input_shape: Any,
        *,
        seed: int = 0,
        dtype: DType | None = None,
        names: str | None = None,
        input_dtype: DType | None = None,
    ) -> None:
        inputs, output = in_sequence(layers, input_shape, input_dtype)
        super().__init__(inputs, output, dtype=dtype, seed=seed, names=names)
