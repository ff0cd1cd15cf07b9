"""A network of three layers of neurons with any activations and any loss: three factors make each gradient.

    dE/dw_jk = dE/dy_k * f_y'(u_k) * h_j
    dE/dw_ij = (sum over k of dE/dy_k * f_y'(u_k) * w_jk) * f_h'(u_j) * x_i

The error coming back, the slope at the node, the value coming in; a bias has 1 coming in. Deeper networks
repeat the same three. Where an output depends on all total inputs (softmax), dE/du_k takes the place of the
first two.

Run: python examples/python/three_factors.py
"""

from __future__ import annotations

from typing import Any

import denpa as dp
import numpy as np

I, J, K = 3, 4, 2  # inputs, hidden units, outputs


class Perceptron:
    """A network x -> h = f_h(x W1 + b1) -> y = f_y(h W2 + b2), and the formulas for one sample.

    Its total inputs u are outputs of the network too, so that they can be seen.
    """

    def __init__(self, hidden: str, output: str, loss: dp.Loss, seed: int = 0) -> None:
        x = dp.Input((I,), name="x")
        u_j = dp.Dense(J, name="hidden", initializer=dp.Normal(scale=1.0), bias_initializer="uniform")(x)
        h = dp.create(hidden)(u_j)
        u_k = dp.Dense(K, name="output", initializer=dp.Normal(scale=1.0), bias_initializer="uniform")(h)
        y = dp.create(output)(u_k)
        values = {"u_j": u_j, "h": h, "u_k": u_k, "y": y}
        self.net = dp.Model(x, values, dtype="float64", seed=seed, names="book")
        self.f_h, self.f_y, self.loss = dp.create(hidden), dp.create(output), loss
        self.elementwise = output not in ("softmax", "log_softmax")

    def look(self, x: np.ndarray, t: Any) -> None:
        """Compute the factors of one sample: values forward, errors and slopes backward."""
        values = self.net.predict(x)
        self.x, self.h, self.y, p = x, values["h"], values["y"], self.net.parameters
        self.E = self.loss.forward(self.y, t)
        self.dE_dy = self.loss.backward()
        self.f_h.forward(values["u_j"])
        self.slope_j = self.f_h.backward(np.ones(J))
        self.f_y.forward(values["u_k"])
        if self.elementwise:
            self.slope_k = self.f_y.backward(np.ones(K))
            self.dE_du = self.dE_dy * self.slope_k
        else:
            self.dE_du = self.f_y.backward(self.dE_dy)  # the sum over m of dE/dy_m * dy_m/du_k
        self.terms = self.dE_du * p["W2"]  # (hidden, outputs): what comes back to j from k
        self.error_j = self.terms.sum(axis=1)

    def gradients(self) -> dict[str, np.ndarray]:
        delta_j = self.error_j * self.slope_j
        return {
            "W1": np.outer(self.x, delta_j),
            "b1": delta_j,
            "W2": np.outer(self.h, self.dE_du),
            "b2": self.dE_du,
        }

    def explain(self, name: str, index: tuple[int, ...]) -> float:
        """Print the factors of one weight, the first one term by term; return their product."""
        to = index[-1]
        is_bias = name[0] == "b"
        layer_input, symbol = (self.x, "x") if name[1] == "1" else (self.h, "h")
        value = 1.0 if is_bias else layer_input[index[0]]
        coming_in = "1" if is_bias else f"{symbol}[{index[0]}]"
        label = f"{name}{list(index)}"
        if name[1] == "1":
            before = "dE/dy_k f_y'(u_k)" if self.elementwise else "dE/du_k"
            for k in range(K):
                parts = [self.dE_dy[k], self.slope_k[k]] if self.elementwise else [self.dE_du[k]]
                numbers = " * ".join(f"{part:.6f}" for part in [*parts, self.net.parameters["W2"][to, k]])
                print(f"        k = {k}: {before} w_jk = {numbers} = {self.terms[to, k]:.6f}")
            factors = {
                "error: their sum": self.error_j[to],
                "slope f_h'(u_j)": self.slope_j[to],
                coming_in: value,
            }
        elif self.elementwise:
            factors = {"error dE/dy_k": self.dE_dy[to], "slope f_y'(u_k)": self.slope_k[to], coming_in: value}
        else:
            factors = {"dE/du_k": self.dE_du[to], coming_in: value}
        product = float(np.prod(list(factors.values())))
        text = " * ".join(f"{number:.6f} ({factor})" for factor, number in factors.items())
        print(f"    dE/d{label} = {text} = {product:.6f}")
        return product


def activations() -> list[str]:
    """All functions of one number that a layer can have as its activation."""
    return [schema["choices"] for schema in dp.Dense.entry["attributes"] if schema["name"] == "activation"][0]


def cases() -> list[tuple[str, str, dp.Loss, Any]]:
    """All pairs of activations with a loss and a target; softmax and sigmoid with losses for classes."""
    values, shares, number = np.array([0.3, -0.6]), np.array([0.2, 0.8]), np.array(1)
    losses = [
        dp.MeanSquaredError(half=True, reduction="batch_mean"),
        dp.MeanSquaredError(),
        dp.MeanSquaredError(half=True, reduction="sum"),
        dp.MeanAbsoluteError(),
        dp.Huber(delta=0.5),
        dp.Quantile(q=0.9),
    ]
    pairs = [(hidden, output) for hidden in activations() for output in activations()]
    found = [(*pair, losses[k % len(losses)], values) for k, pair in enumerate(pairs)]
    for hidden in activations():
        found.append((hidden, "sigmoid", dp.BinaryCrossEntropy(), shares))
        found += [
            (hidden, "softmax", loss, shares) for loss in (dp.CrossEntropy(), dp.KLDivergence(), losses[0])
        ]
        found.append((hidden, "softmax", dp.CrossEntropy(epsilon=1e-7), number))
    return found


def compare_all() -> tuple[int, float]:
    """Compare the formulas with the engine for all cases; return their number and the worst error."""
    worst, x = 0.0, np.random.default_rng(5).normal(size=I)
    for number, (hidden, output, loss, t) in enumerate(cases()):
        perceptron = Perceptron(hidden, output, loss, seed=number)
        perceptron.look(x, t)
        named = type(loss)("y", **loss.attributes)
        by_engine = perceptron.net.gradients(x, t, loss=named)
        for name, gradient in perceptron.gradients().items():
            difference = np.abs(gradient - by_engine[name]).max() / max(np.abs(by_engine[name]).max(), 1.0)
            assert difference <= 1e-12, f"{hidden}, {output}, {loss}: {name} differs by {difference}"
            worst = max(worst, float(difference))
    return len(cases()), worst


def show(hidden: str, output: str, loss: dp.Loss, t: Any) -> None:
    print(f"\n{hidden} and {output}, {loss}")
    x = np.array([1.0, -0.5, 2.0])
    perceptron = Perceptron(hidden, output, loss, seed=3)
    perceptron.look(x, t)
    found = perceptron.net.gradients(x, t, loss=type(loss)("y", **loss.attributes))
    print(
        f"    x = {x}, h = {np.round(perceptron.h, 4)}, y = {np.round(perceptron.y, 4)}, E = {perceptron.E:.6f}"
    )
    for name, index in (("W2", (1, 0)), ("b2", (0,)), ("W1", (2, 1)), ("b1", (1,))):
        assert abs(perceptron.explain(name, index) - found[name][index]) < 1e-12


def main() -> None:
    count, worst = compare_all()
    print(
        f"The formulas and the engine, {count} cases of activations and losses: worst difference {worst:.1e}"
    )
    show("sigmoid", "identity", dp.MeanSquaredError(half=True, reduction="batch_mean"), np.array([1.0, 0.0]))
    show("tanh", "sigmoid", dp.BinaryCrossEntropy(), np.array([1.0, 0.0]))
    show("relu", "softmax", dp.CrossEntropy(), np.array([1.0, 0.0]))


if __name__ == "__main__":
    main()
