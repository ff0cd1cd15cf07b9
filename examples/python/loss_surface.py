"""Why gradient descent finds the weights: the loss of y = w x + b over all w and b, and the path of training.

Run: python examples/python/loss_surface.py

The teacher is 2 x + 1, and training begins at (3, 2). (The notes' substituted formula has 3 x + 2 as the
teacher, whose lowest point would be at (3, 2); their pictures and text mean 2 x + 1.)
"""

from __future__ import annotations

import denpa as dp
import numpy as np

X = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])[:, None]
T = 2 * X + 1
RATE = 0.1


def line(w: float, b: float) -> dp.Sequential:
    """The network y = w x + b with the mean squared error as its loss."""
    net = dp.Sequential([dp.Dense(1)], input_shape=(1,), dtype="float64", names="book")
    net.parameters.update(W1=[[w]], b1=[b])
    net.compile(loss="mean_squared_error", optimizer=dp.SGD(learning_rate=RATE))
    return net


def over_all_weights() -> None:
    surface = dp.loss_surface(line(3, 2), X, T, "W1", "b1", range=(-10, 10), steps=41)  # one call of the engine
    values, losses, lowest = surface.a, surface.losses, surface.minimum
    print(f"The loss over w and b from -10 to 10 in steps of 0.5: {losses.size} points")
    print(f"    lowest at w = {lowest.first:g}, b = {lowest.second:g}, where it is {lowest.loss:g}")
    assert losses.size == 1681 and lowest == (2, 1, 0)
    assert (losses > 0).sum() == losses.size - 1, "the lowest point is the only one"
    print(f"    highest {losses.max():g}; at (3, 2), where training begins, {losses[26, 24]:g}")
    for b in (10, 5, 1, -5, -10):
        row = "  ".join(f"{losses[4 * k, np.searchsorted(values, b)]:7.1f}" for k in range(11))
        print(f"    b = {b:>3}: {row}")
    print("     at w: " + "  ".join(f"{values[4 * k]:7.0f}" for k in range(11)))

    w, b = values[:, None], values[None, :]
    closed = (w - 2) ** 2 * (X**2).mean() + 2 * (w - 2) * (b - 1) * X.mean() + (b - 1) ** 2
    print("\nIn closed form, (w-2)^2 mean(X^2) + 2 (w-2) (b-1) mean(X) + (b-1)^2:")
    print(f"    mean(X^2) = {(X**2).mean():g}, mean(X) = {X.mean():g}; ", end="")
    print(f"the largest difference is {np.abs(losses - closed).max():.1e}")
    assert np.allclose(losses, closed, rtol=1e-13, atol=0)

    n = len(X)
    xx, yy, xy, sx, sy = (X**2).sum(), (T**2).sum(), (X * T).sum(), X.sum(), T.sum()
    expanded = (w**2 * xx + n * b**2 + yy - 2 * w * xy - 2 * b * sy + 2 * w * b * sx) / n
    print("Expanded, (w^2 SX2 + n b^2 + SY2 - 2 w SXY - 2 b SY + 2 w b SX) / n, with five constants:")
    print(f"    SX2 = {xx:g}, SY2 = {yy:g}, SXY = {xy:g}, SY = {sy:g}, SX = {sx:g}; n = {n}")
    assert (xx, yy, xy, sy, sx) == (2.5, 15, 5, 5, 0)
    assert np.allclose(losses, expanded, rtol=1e-12, atol=1e-12)
    fitted = np.array(surface.quadratic[:6]) * n  # the same constants, found from the 1,681 losses alone
    assert np.allclose(fitted, (xx, n, 2 * sx, -2 * xy, -2 * sy, yy), atol=1e-9)


def path_of_training() -> None:
    net = line(3, 2)
    path = [(3.0, 2.0, net.loss(X, T))]

    def remember(net: dp.Model, epoch: int, logs: dict[str, float]) -> None:
        w, b = net.parameters["W1"].item(), net.parameters["b1"].item()
        path.append((w, b, net.loss(X, T)))

    before = net.predict(X)[:, 0]
    net.fit(X, T, batch_size=len(X), epochs=200, callbacks=[remember])
    print("\nThe path of training, all five points in each step:")
    for step in (0, 1, 2, 5, 10, 20, 50, 100, 200):
        print("    step {:>3}: w = {:.6f}, b = {:.6f}, loss {:.2e}".format(step, *path[step]))
    # mean(X) is 0, so that each step shortens the distances to 2 and 1 by a factor of its own.
    steps = np.arange(201)
    expected_w, expected_b = 2 + (1 - RATE * 2 * (X**2).mean()) ** steps, 1 + (1 - RATE * 2) ** steps
    found = np.array(path)
    assert np.allclose(found[:, 0], expected_w, rtol=0, atol=1e-12)
    assert np.allclose(found[:, 1], expected_b, rtol=0, atol=1e-12)
    assert (np.diff(found[:100, 2]) < 0).all(), "always downhill"
    assert np.allclose(path[-1], (2, 1, 0), rtol=0, atol=1e-8)
    print("\nThe lines at x =", X[:, 0])
    print("    teacher ", T[:, 0])
    print("    before  ", before)
    print("    after   ", np.round(net.predict(X)[:, 0], 6))
    assert np.allclose(before, 3 * X[:, 0] + 2) and np.allclose(net.predict(X), T, atol=1e-8)


def main() -> None:
    over_all_weights()
    path_of_training()


if __name__ == "__main__":
    main()
