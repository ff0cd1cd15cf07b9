"""Methods of networks: weights in plain safetensors files."""

from __future__ import annotations

from typing import Any, Mapping


def load_weights(
    self: Any,
    path: Any,
    map: Mapping[str, str | None] | None = None,
    transpose: Any = (),
    allow_missing: bool = False,
    allow_extra: bool = False,
) -> None:
    """Copy the tensors of a safetensors file, of any software, into the parameters.

    map: {tensor: parameter}; None instead of a parameter passes over a tensor. A parameter that it does not
    name has the tensor of its own name. transpose: the parameters whose axes are in reverse order in the
    file, such as ["hidden.W"], or {parameter: axes}, with which the parameter is the file's tensor after
    numpy.transpose(tensor, axes). `pytorch_names` makes both for PyTorch's files.

    Raises FileError if a tensor is missing or left over, unless that is allowed, ShapeError if one has
    another shape, with the names; MissingFile if there is no such file. Then nothing changes.
    """
    self._open.weight_files.load(path, map, transpose, allow_missing, allow_extra)


def save_weights(
    self: Any, path: Any, map: Mapping[str, str | None] | None = None, transpose: Any = ()
) -> None:
    """Write a plain safetensors file of the parameters, with names and axes as in load_weights."""
    self._open.weight_files.save(path, map, transpose)


def pytorch_names(self: Any, layers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the `map` and the `transpose` for a file with the state_dict of a PyTorch module.

    layers: {layer: module}, such as {"dense_1": "features.0"}; others have the same name there. For example
    net.load_weights("net.safetensors", **net.pytorch_names({"hidden": "0", "out": "2"})). Raises
    NotSupported for parameters that PyTorch has not or arranges in another way.
    """
    made: dict[str, Any] = self._open.pytorch_names(layers)
    return made
