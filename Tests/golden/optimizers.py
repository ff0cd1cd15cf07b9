"""Makes optimizers.json: a small network that PyTorch trains in float64 for 50 steps with each optimizer it has.

    python Tests/golden/optimizers.py      # needs PyTorch, which the tests do not

Batches grow from step to step at first, so whoever follows must keep the optimizer's state when its memory grows.
"""

from __future__ import annotations

import json
import pathlib

import numpy as np
import torch
from torch import optim

STEPS, SHOWN, ROWS = 50, (1, 2, 10, 50), (3, 8, 5, 24, 24)

# Kind and attributes in Denpa, and the same optimizer in PyTorch.
CASES = [
    ("sgd", {"learning_rate": 0.1}, optim.SGD, {"lr": 0.1}),
    (
        "sgd",
        {"learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.01},
        optim.SGD,
        {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.01},
    ),
    (
        "sgd",
        {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True},
        optim.SGD,
        {"lr": 0.05, "momentum": 0.9, "nesterov": True},
    ),
    ("adam", {}, optim.Adam, {}),
    ("adam", {"weight_decay": 0.1}, optim.Adam, {"weight_decay": 0.1}),
    ("adam", {"beta1": 0.5, "beta2": 0.9, "epsilon": 0.001}, optim.Adam, {"betas": (0.5, 0.9), "eps": 0.001}),
    (
        "adam",
        {"learning_rate": 0.05, "beta2": 0.9, "amsgrad": True},
        optim.Adam,
        {"lr": 0.05, "betas": (0.9, 0.9), "amsgrad": True},
    ),
    ("adam", {"amsgrad": True, "weight_decay": 0.1}, optim.Adam, {"amsgrad": True, "weight_decay": 0.1}),
    ("adamw", {}, optim.AdamW, {}),
    ("adamw", {"learning_rate": 0.02, "weight_decay": 0.3}, optim.AdamW, {"lr": 0.02, "weight_decay": 0.3}),
    (
        "adamw",
        {"learning_rate": 0.05, "beta2": 0.9, "amsgrad": True},
        optim.AdamW,
        {"lr": 0.05, "betas": (0.9, 0.9), "amsgrad": True},
    ),
    ("nadam", {}, optim.NAdam, {}),
    ("nadam", {"weight_decay": 0.1}, optim.NAdam, {"weight_decay": 0.1}),
    (
        "nadam",
        {"learning_rate": 0.02, "weight_decay": 0.3, "decoupled_weight_decay": True},
        optim.NAdam,
        {"lr": 0.02, "weight_decay": 0.3, "decoupled_weight_decay": True},
    ),
    (
        "nadam",
        {"beta1": 0.5, "beta2": 0.9, "momentum_decay": 0.05},
        optim.NAdam,
        {"betas": (0.5, 0.9), "momentum_decay": 0.05},
    ),
    ("radam", {}, optim.RAdam, {}),
    ("radam", {"weight_decay": 0.1}, optim.RAdam, {"weight_decay": 0.1}),
    (
        "radam",
        {"learning_rate": 0.02, "weight_decay": 0.3, "decoupled_weight_decay": True},
        optim.RAdam,
        {"lr": 0.02, "weight_decay": 0.3, "decoupled_weight_decay": True},
    ),
    (
        "radam",
        {"learning_rate": 0.02, "beta1": 0.8, "beta2": 0.75, "epsilon": 1e-4},
        optim.RAdam,
        {"lr": 0.02, "betas": (0.8, 0.75), "eps": 1e-4},
    ),
    ("adamax", {}, optim.Adamax, {}),
    (
        "adamax",
        {"learning_rate": 0.02, "beta1": 0.5, "beta2": 0.9, "weight_decay": 0.1},
        optim.Adamax,
        {"lr": 0.02, "betas": (0.5, 0.9), "weight_decay": 0.1},
    ),
    ("rmsprop", {}, optim.RMSprop, {}),
    ("rmsprop", {"rho": 0.9, "weight_decay": 0.1}, optim.RMSprop, {"alpha": 0.9, "weight_decay": 0.1}),
    ("rmsprop", {"momentum": 0.9}, optim.RMSprop, {"momentum": 0.9}),
    ("rmsprop", {"centered": True, "epsilon": 1e-3}, optim.RMSprop, {"centered": True, "eps": 1e-3}),
    (
        "rmsprop",
        {"learning_rate": 0.001, "rho": 0.9, "momentum": 0.5, "centered": True, "weight_decay": 0.01},
        optim.RMSprop,
        {"lr": 0.001, "alpha": 0.9, "momentum": 0.5, "centered": True, "weight_decay": 0.01},
    ),
    ("adagrad", {}, optim.Adagrad, {}),
    (
        "adagrad",
        {"learning_rate": 0.1, "learning_rate_decay": 0.1, "initial_accumulator": 0.5, "weight_decay": 0.1},
        optim.Adagrad,
        {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.5, "weight_decay": 0.1},
    ),
    ("adadelta", {}, optim.Adadelta, {}),
    (
        "adadelta",
        {"learning_rate": 0.5, "rho": 0.95, "epsilon": 1e-4, "weight_decay": 0.1},
        optim.Adadelta,
        {"lr": 0.5, "rho": 0.95, "eps": 1e-4, "weight_decay": 0.1},
    ),
    ("rprop", {}, optim.Rprop, {}),
    (
        "rprop",
        {"learning_rate": 0.02, "eta_minus": 0.3, "eta_plus": 1.5, "step_min": 1e-3, "step_max": 0.05},
        optim.Rprop,
        {"lr": 0.02, "etas": (0.3, 1.5), "step_sizes": (1e-3, 0.05)},
    ),
]
CASES += [
    ("adafactor", {}, optim.Adafactor, {}),
    (
        "adafactor",
        {
            "learning_rate": 0.1,
            "decay_exponent": 0.6,
            "least_scale": 0.01,
            "threshold": 1.5,
            "epsilon": 1e-3,
            "weight_decay": 0.1,
        },
        optim.Adafactor,
        {"lr": 0.1, "beta2_decay": -0.6, "eps": (1e-3, 0.01), "d": 1.5, "weight_decay": 0.1},
    ),
]
# Optimizers that evaluate the loss themselves, of all rows in one batch. Line searches enlarge rounding errors
# from step to step, so only the first steps can be compared.
SEARCHES = [
    ({"iterations": 4}, {"max_iter": 4, "history_size": 10}),
    ({"iterations": 3, "history": 2}, {"max_iter": 3, "history_size": 2}),
    (
        {"learning_rate": 0.3, "gradient_tolerance": 1e-3, "change_tolerance": 1e-4},
        {"lr": 0.3, "history_size": 10, "tolerance_grad": 1e-3, "tolerance_change": 1e-4},
    ),
]
SEARCH_STEPS = (1, 2, 3)
# PyTorch's names of the attributes that groups have here.
TORCH = {"learning_rate": "lr", "weight_decay": "weight_decay", "momentum": "momentum", "amsgrad": "amsgrad"}
GROUPS = {
    "first.b": {"frozen": True},
    "*.b": {"weight_decay": 0.0, "learning_rate": 0.003},
    "second.*": {"weight_decay": 0.2},
}
GROUPED = [
    ("sgd", {"learning_rate": 0.05, "weight_decay": 0.01}, optim.SGD, {"second.*": {"momentum": 0.9}}),
    ("adam", {"amsgrad": True}, optim.Adam, {"second.*": {"amsgrad": False}}),
    ("rmsprop", {"learning_rate": 0.01, "momentum": 0.5}, optim.RMSprop, {"second.*": {"momentum": 0.0}}),
    *(
        (kind, {"learning_rate": 0.01, "weight_decay": 0.05}, make, GROUPS)
        for kind, make in [
            ("adamw", optim.AdamW),
            ("nadam", optim.NAdam),
            ("radam", optim.RAdam),
            ("adamax", optim.Adamax),
            ("adagrad", optim.Adagrad),
            ("adadelta", optim.Adadelta),
        ]
    ),
    ("rprop", {}, optim.Rprop, {"*.b": {"learning_rate": 0.002}, "first.W": {"frozen": True}}),
]


def numbers(*shape, seed):
    return np.random.default_rng(seed).normal(size=shape)


def rows(step):
    """The rows of the data that step `step` uses, counted from 0."""
    count = ROWS[min(step, len(ROWS) - 1)]
    first = 7 * step % (32 - count)
    return first, first + count


X, T = numbers(32, 3, seed=1), numbers(32, 2, seed=2)
WEIGHTS = {
    "first.W": 0.5 * numbers(3, 4, seed=3),
    "first.b": 0.1 * numbers(4, seed=4),
    "second.W": 0.5 * numbers(4, 2, seed=5),
    "second.b": 0.1 * numbers(2, seed=6),
}


def torch_groups(groups):
    """Returns the parameters in PyTorch's form, and those groups that are not frozen."""
    from fnmatch import fnmatchcase

    weights = {name: torch.tensor(value, requires_grad=True) for name, value in WEIGHTS.items()}
    chosen = []
    for name, value in weights.items():
        attributes = next((given for pattern, given in groups.items() if fnmatchcase(name, pattern)), {})
        if not attributes.get("frozen"):
            chosen.append({"params": [value], **{TORCH[key]: item for key, item in attributes.items()}})
    return weights, chosen


def follow(make, options, groups):
    weights, chosen = torch_groups(groups)
    optimizer = make(chosen, **options)
    shown = {}
    for step in range(STEPS):
        first, last = rows(step)
        x, t = torch.tensor(X[first:last]), torch.tensor(T[first:last])
        h = torch.tanh(x @ weights["first.W"] + weights["first.b"])
        loss = torch.nn.functional.mse_loss(h @ weights["second.W"] + weights["second.b"], t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step + 1 in SHOWN:
            shown[step + 1] = {name: value.tolist() for name, value in weights.items()}
    return shown


def search(options):
    """The weights after steps of L-BFGS, and the losses before them."""
    weights = {name: torch.tensor(value, requires_grad=True) for name, value in WEIGHTS.items()}
    optimizer = optim.LBFGS(list(weights.values()), line_search_fn="strong_wolfe", **options)
    x, t = torch.tensor(X), torch.tensor(T)

    def loss():
        optimizer.zero_grad()
        h = torch.tanh(x @ weights["first.W"] + weights["first.b"])
        value = torch.nn.functional.mse_loss(h @ weights["second.W"] + weights["second.b"], t)
        value.backward()
        return value

    shown = {}
    for step in SEARCH_STEPS:
        before = float(optimizer.step(loss).detach())
        shown[step] = {"loss": before, **{name: value.tolist() for name, value in weights.items()}}
    return shown


def main():
    # Otherwise the product of NAdam's momenta would be in float32.
    torch.set_default_dtype(torch.float64)
    cases = [(kind, attributes, make, options, {}) for kind, attributes, make, options in CASES]
    for kind, attributes, make, groups in GROUPED:
        cases.append((kind, attributes, make, {TORCH[key]: v for key, v in attributes.items()}, groups))
    golden = {
        "made_by": f"PyTorch {torch.__version__.partition('+')[0]}, float64, Tests/golden/optimizers.py",
        "x": X.tolist(),
        "t": T.tolist(),
        "weights": {name: value.tolist() for name, value in WEIGHTS.items()},
        "rows": [rows(step) for step in range(STEPS)],
        "cases": [
            {"kind": kind, "attributes": attributes, "groups": groups, "after": follow(make, options, groups)}
            for kind, attributes, make, options, groups in cases
        ],
    }
    golden["searches"] = [
        {"attributes": attributes, "after": search(options)} for attributes, options in SEARCHES
    ]
    path = pathlib.Path(__file__).with_suffix(".json")
    lines = (json.dumps(case) for case in golden.pop("cases"))
    text = json.dumps(golden)[:-1] + ', "cases": [\n' + ",\n".join(lines) + "\n]}\n"
    json.loads(text)
    path.write_text(text)


if __name__ == "__main__":
    main()
