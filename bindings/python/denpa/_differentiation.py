"""The methods of networks that differentiate. Model takes them over; each is one call of a part."""

from __future__ import annotations

from typing import Any, Iterable, Mapping

from ._arrays import Array
from ._check import Report

# `self` is a Model, which is defined after this module.


def loss_and_gradients(self: Any, x: Any, t: Any, loss: Any = None) -> tuple[float, dict[str, Array]]:
    """Return the loss, as in training, and its gradients by name, for all trained parameters."""
    found: tuple[float, dict[str, Array]] = self._open.derivatives.of_loss(x, t, loss, None)
    return found


def gradients(
    self: Any, x: Any, t: Any, loss: Any = None, wrt: Iterable[str] | None = None
) -> dict[str, Array]:
    """Return the gradients of the loss with respect to what is named in `wrt`.

    These are parameters, inputs, and layers, whose first output is meant: wrt=["hidden", "out.W"]. Without
    `wrt`, they are all trained parameters. Raises NotFound for a name that has no gradient.
    """
    found: dict[str, Array] = self._open.derivatives.of_loss(x, t, loss, wrt)[1]
    return found


def sample_gradients(
    self: Any, x: Any, t: Any, loss: Any = None, wrt: Iterable[str] | None = None
) -> dict[str, Array]:
    """Return the gradients of the loss of each row by name, as arrays (rows, *shape).

    A row's loss is that of a batch of this row alone, so the gradients of a loss with reduction "mean" or
    "batch_mean" are the mean of these, and with "sum" their sum. `wrt` is as for `gradients`. It takes one
    forward and backward for each row.

    Raises InvalidArgument for a network with dropout, noise or batch_norm, where a row has no gradient of its
    own.
    """
    found: dict[str, Array] = self._open.rows.sample_gradients(x, t, loss, wrt)
    return found


def vjp(self: Any, x: Any, dout: Any) -> dict[str, Array]:
    """Return the vector-Jacobian product of the outputs with `dout`.

    These are the gradients of sum(outputs * dout) with respect to every trained parameter and float input, by
    name. `grads` is unchanged.
    """
    found: dict[str, Array] = self._open.derivatives.vjp(x, dout)
    return found


def jacobian(self: Any, x: Any, wrt: Iterable[str] | None = None) -> Any:
    """Return the derivatives of each element of the outputs of predict, row by row.

    For an output of shape (rows, *out) they are a dict of arrays: (rows, *out, *shape) for a parameter, and
    (rows, *out, *in) for an input of shape (rows, *in), of which each row is differentiated by the same row of
    the input. For one sample there is no axis of rows. Several outputs have a dict each, in the form in which
    predict returns them. `wrt` is as for `gradients`: by default all trained parameters.

    They are as exact as backpropagation in the network's element type. It takes one forward and backward for
    each element of the outputs of one row, if only inputs are named, and otherwise for each element of each row.

    Raises InvalidArgument for a network with dropout, noise or batch_norm; jvp differentiates it.
    """
    return self._open.rows.jacobian(x, wrt)


def jvp(self: Any, x: Any, tangents: Mapping[str, Any]) -> Any:
    """Return the Jacobian-vector product: the derivatives of the outputs of predict along `tangents`.

    `tangents` has arrays by the names of parameters and float inputs, of their shapes; what is not named does
    not move. The result has the form of the outputs, in float64.

    It is computed from central differences with five points, in a float64 copy of the network: four forwards
    and a copy of the parameters. For smooth networks the relative error is about 1e-11. Values are moved by at most
    2e-4 (times their largest magnitude above 1); where a kink, as that of relu at 0, is within that distance, the
    error is as large as the kink's share of the result. `jacobian` has no such error.
    """
    return self._open.directions.jvp(x, tangents)


def hvp(self: Any, x: Any, t: Any, tangents: Mapping[str, Any], loss: Any = None) -> dict[str, Array]:
    """Return the Hessian-vector product of the loss: the derivatives of its gradients along `tangents`.

    `tangents` is as for jvp. The result has all trained parameters, and the inputs that `tangents` names, by
    name and in float64. The loss is that of training; all evaluations see the same random numbers (dropout), the
    first ones that the network's seed has.

    It is computed from central differences of the gradients with five points, in a float64 copy of the network:
    four gradients and a copy of the parameters. For smooth networks the relative error is about 1e-11; kinks count
    as in jvp.
    """
    found: dict[str, Array] = self._open.directions.hvp(x, t, tangents, loss)
    return found


def check_gradients(
    self: Any,
    x: Any,
    t: Any,
    loss: Any = None,
    *,
    step: float = 0.0,
    tolerance: float = 0.0,
    max_elements: int = 0,
    inputs: bool = False,
    raise_on_failure: bool = False,
) -> Report:
    """Compare every gradient of backpropagation with numerical differentiation; return a printable table.

    The check runs in float64, or in float32 if a layer or loss supports only float32. step: h of the 5-point
    stencil (0: 1e-3; at least 3e-2 in float32). tolerance: 0 stands for 1e-8 in float64 and 1e-2 in float32.
    max_elements: checked in each tensor (0: 256, -1: all). inputs: also check the gradients of float inputs.
    raise_on_failure: raise ProofFailed if a gradient is wrong.
    """
    found: Report = self._open.derivatives.check(
        x,
        t,
        loss,
        step=step,
        tolerance=tolerance,
        max_elements=max_elements,
        inputs=inputs,
        raise_on_failure=raise_on_failure,
    )
    return found
