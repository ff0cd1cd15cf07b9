"""Two ways to go wrong, and how they show: a derivative of another function, steps that are too long.

Run: python examples/python/notes/traps.py        (needs a C compiler, cc)
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import denpa as dp
import numpy as np
from learning import SEEDS, online_learning, regression, samples
from showing import title

FOLDER = Path(__file__).resolve().parent
INCLUDE = FOLDER.parents[2] / "include"


def compiled(folder: str) -> Path:
    """Compile the layer with the mistake, mixed.c, to a plugin."""
    plugin = Path(folder) / "mixed.so"
    command = ["cc", "-std=c11", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", f"-I{INCLUDE}"]
    subprocess.run([*command, str(FOLDER / "mixed.c"), "-o", str(plugin), "-lm"], check=True)
    return plugin


def wrong_derivative() -> None:
    title("ReLU forward, the sigmoid's derivative backward")
    with tempfile.TemporaryDirectory() as folder:
        plugin = compiled(folder)
        try:
            dp.load_plugin(plugin)
        except dp.ProofFailed as error:
            print(f"    proved when it is loaded, the layer is refused:\n        {error}")
        else:
            raise AssertionError("a wrong gradient must be refused")
        (mixed,) = dp.load_plugin(plugin, proof="request")
    medians = {}
    for kind in ("relu", mixed):
        medians[kind] = np.median([np.mean(online_learning(kind, seed)[-100:]) for seed in SEEDS])
        print(
            f"    {kind:<12} mean of the last 100 losses, median of {len(SEEDS)} seeds: {medians[kind]:.4f}"
        )
    assert medians["relu"] < 0.001 < 0.003 < medians[mixed] < 0.05, "it learns, only worse"
    x, t = samples(8, seed=1)
    report = regression(mixed, seed=1).check_gradients(x, t)
    print("    nobody would notice, but the check of the gradients does:")
    print("        " + str(report).replace("\n", "\n        "))
    assert [row.tensor for row in report.failed] == ["dense_1.W", "dense_1.b"]
    assert regression("relu", seed=1).check_gradients(x, t).passed


def steps_that_are_too_long() -> None:
    title("Inputs from -5 to 5 instead of 0 to 1: ReLU at 0.07 runs to NaN in every seed")
    stopped = []
    for seed in SEEDS:
        x = np.random.default_rng(seed).uniform(-5, 5, (1000, 2))
        t = 3 * x[:, :1] + 2 * x[:, 1:]
        net = regression("relu", seed)
        try:
            net.fit(x, t, batch_size=1, shuffle=False)
        except dp.NotFinite as error:
            message = str(error)
        else:
            raise AssertionError(f"seed {seed} did not run to NaN")
        stopped.append(net.step_count)
        # The weights are those after the last good step: the same as if training had ended there.
        again = regression("relu", seed)
        for n in range(net.step_count):
            again.train_batch(x[n], t[n])
        for name, value in net.parameters.items():
            assert np.isfinite(value).all() and np.array_equal(value, again.parameters[name])
        if seed == 0:
            largest = max(np.abs(value).max() for value in net.parameters.values())
            print(f"    {message}")
            print(f"    the largest weight is {largest:.2g}, and finite")
    print(f"    steps taken before that, for seeds 0 to {len(SEEDS) - 1}: {', '.join(map(str, stopped))}")
    net = regression("relu", seed=0)
    net.fit(x, t, batch_size=1, shuffle=False, optimizer=dp.SGD(learning_rate=0.003))
    print(f"    with a learning rate of 0.003 it learns: loss {net.evaluate(x, t):.2e}")
    assert net.evaluate(x, t) < 0.1, "the variance of the targets is above 100"


def main() -> None:
    wrong_derivative()
    steps_that_are_too_long()


if __name__ == "__main__":
    main()
