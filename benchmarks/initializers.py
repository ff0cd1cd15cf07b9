"""Test scores by how weights and biases begin: what "auto" is was chosen by them. See README.md.

usage: initializers.py [--activation relu] [--share S] [--seeds N] [--first N] [--sets NAME ...]

Prints a row for each way to initialize the weights of the hidden layers, those of the last layer, and the
biases, in the order of the losses; "auto" for all three is Denpa's default. The columns are the mean test
score of each data set, over seeds with a split each, with its difference from that of the first of WAYS in
standard errors; and the mean test loss divided by that way's, as the geometric mean over the data sets.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import math
import multiprocessing
import statistics
import sys

from harness import CPUS, ROOT, chosen

sys.path[:0] = [str(ROOT / "bindings" / "python"), str(ROOT / "benchmarks" / "scoring")]

import denpa as dp
from data import LOADERS, task
from denpa_script import loss_of
from task import PLANS, Task

Way = tuple[str, str, str]
Result = tuple[float, float]  # score, loss
# "he_larger" is He's normal distribution by the larger of fan_in and fan_out; "spread" is uniform between
# ±1 / √fan_in.
WAYS: list[Way] = [
    ("he", "xavier", "zeros"),
    ("auto", "auto", "auto"),
    ("fan_uniform", "fan_uniform", "spread"),  # PyTorch
    ("xavier_uniform", "xavier_uniform", "spread"),  # nearly scikit-learn
    *itertools.product(
        ["he_uniform", "he_larger", "xavier", "xavier_uniform", "lecun_uniform"],
        ["xavier", "lecun_uniform", "fan_uniform"],
        ["zeros", "spread"],
    ),
]
SEEDS = 15


def dense(inputs: int, units: int, weights: str, biases: str, activation: str = "identity") -> dp.Dense:
    start = dp.Normal(scale=math.sqrt(2 / max(inputs, units))) if weights == "he_larger" else weights
    bound = 1 / math.sqrt(inputs)
    bias = dp.Uniform(low=-bound, high=bound) if biases == "spread" else biases
    return dp.Dense(units, activation=activation, initializer=start, bias_initializer=bias)


def train(work: Task, way: Way) -> Result:
    hidden, last, biases = way
    plan, sizes = work.plan, [work.x.shape[1], *work.plan.hidden]
    layers = [
        dense(inputs, units, hidden, biases, plan.activation) for inputs, units in zip(sizes, sizes[1:])
    ]
    layers.append(dense(sizes[-1], plan.outputs, last, biases))
    net = dp.Sequential(layers, input_shape=sizes[0], seed=work.seed)
    net.compile(loss=loss_of(plan), optimizer=dp.Adam(learning_rate=plan.rate), metrics=[])
    net.fit(work.x, work.t, batch_size=plan.batch, epochs=plan.epochs)
    predicted = net.predict_classes(work.xv) if plan.classes else net.predict(work.xv)
    return work.score(predicted), float(net.evaluate(work.xv, work.tv))


def results(name: str, seed: int, activation: str, share: float) -> list[Result]:
    """Returns those of all ways, with the same split."""
    dp.set_threads(1)
    epochs = max(round(PLANS[name].epochs * share), 1)
    work = task(name, seed, dataclasses.replace(PLANS[name], activation=activation, epochs=epochs))
    return [train(work, way) for way in WAYS]


def cell(scores: list[float], beside: list[float]) -> str:
    """Returns the mean, and by how many standard errors it differs from that of the others."""
    differences = [one - other for one, other in zip(scores, beside)]
    error = statistics.stdev(differences) / len(differences) ** 0.5 if len(differences) > 1 else 0.0
    return f"{statistics.fmean(scores):.4f} ({statistics.fmean(differences) / error if error else 0.0:+.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description="Test scores by how weights and biases begin.")
    parser.add_argument("--activation", default="relu", help="of the hidden layers")
    parser.add_argument("--share", type=float, default=1.0, help="of the epochs")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--sets", nargs="*", default=[], help=f"of {' '.join(LOADERS)}")
    wanted = parser.parse_args()
    names = chosen(wanted.sets, list(LOADERS))
    seeds = range(wanted.first, wanted.first + wanted.seeds)
    with multiprocessing.Pool(len(CPUS)) as pool:
        runs = [(name, seed, wanted.activation, wanted.share) for name in names for seed in seeds]
        found = dict(zip(((name, seed) for name, seed, *_ in runs), pool.starmap(results, runs, chunksize=1)))
    rows: list[tuple[float, str]] = []
    for number, way in enumerate(WAYS):
        cells, ratios = [], []
        for name in names:
            mine, first = ([found[name, seed][index] for seed in seeds] for index in (number, 0))
            cells.append(cell([score for score, _ in mine], [score for score, _ in first]))
            ratios.append(sum(loss for _, loss in mine) / sum(loss for _, loss in first))
        loss = statistics.geometric_mean(ratios)
        rows.append((loss, f"| {' | '.join([*way, *cells])} | {loss:.3f} |"))
    print(
        f"| hidden | last | biases | {' | '.join(names)} | loss |\n|---|---|---|{'---:|' * (len(names) + 1)}"
    )
    for _, text in sorted(rows):
        print(text)


if __name__ == "__main__":
    main()
