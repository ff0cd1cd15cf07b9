"""Makes schedules.json: learning rates of 60 steps or epochs, by the schedulers of PyTorch.

    python3 -m venv /tmp/v && /tmp/v/bin/pip install torch numpy
    /tmp/v/bin/python schedules.py > schedules.json

The optimizer's learning rate is 1, so that they are factors.
"""

import json
import warnings

import torch
from torch.optim import lr_scheduler as of

STEPS = 60
LOSSES = [
    5.0,
    4.0,
    4.0,
    3.9999,
    3.0,
    3.5,
    3.2,
    3.1,
    3.0,
    2.99,
    2.98,
    2.9,
    3,
    3,
    3,
    3,
    3,
    3,
    3,
    3,
    2.0,
    2.5,
    2.5,
    2.5,
]


def after(first, steps, second):
    return lambda o: of.SequentialLR(o, [first(o), second(o)], [steps])


CASES = {
    "constant_factor": [({"factor": 0.25, "steps": 7}, lambda o: of.ConstantLR(o, 0.25, 7))],
    "step_decay": [({"every": 9, "gamma": 0.3}, lambda o: of.StepLR(o, 9, 0.3))],
    "multi_step_decay": [
        ({"milestones": [3, 10, 11, 40], "gamma": 0.5}, lambda o: of.MultiStepLR(o, [3, 10, 11, 40], 0.5))
    ],
    "exponential_decay": [({"gamma": 0.93}, lambda o: of.ExponentialLR(o, 0.93))],
    "polynomial_decay": [
        ({"steps": 50, "power": 1.0}, lambda o: of.PolynomialLR(o, 50, 1.0)),
        ({"steps": 20, "power": 2.5}, lambda o: of.PolynomialLR(o, 20, 2.5)),
        ({"steps": 25, "end": 0.2}, lambda o: of.LinearLR(o, 1.0, 0.2, 25)),
    ],
    "cosine_decay": [
        # PyTorch's goes up again behind its end; ours stays.
        ({"steps": 60, "end": 0.1}, lambda o: of.CosineAnnealingLR(o, 60, 0.1)),
        ({"steps": 10, "restarts": True}, lambda o: of.CosineAnnealingWarmRestarts(o, 10)),
        (
            {"steps": 5, "restarts": True, "growth": 2, "end": 0.05},
            lambda o: of.CosineAnnealingWarmRestarts(o, 5, 2, 0.05),
        ),
    ],
    "one_cycle": [
        ({"steps": 60}, lambda o: of.OneCycleLR(o, 1.0, 60)),
        (
            {"steps": 60, "rise": 0.5, "start": 0.1, "end": 0.01},
            lambda o: of.OneCycleLR(o, 1.0, 60, pct_start=0.5, div_factor=10, final_div_factor=10),
        ),
    ],
    "warmup": [
        (
            {"steps": 10, "start": 0.1, "next": {"kind": "exponential_decay", "gamma": 0.9}},
            after(lambda o: of.LinearLR(o, 0.1, 1, 10), 10, lambda o: of.ExponentialLR(o, 0.9)),
        )
    ],
    "reduce_on_plateau": [
        ({"patience": 2}, lambda o: of.ReduceLROnPlateau(o, factor=0.1, patience=2, eps=0)),
        (
            {"patience": 0, "gamma": 0.5, "threshold": 0.01, "cooldown": 2, "end": 0.1},
            lambda o: of.ReduceLROnPlateau(o, "min", 0.5, 0, 0.01, cooldown=2, min_lr=0.1, eps=0),
        ),
    ],
}


def rates(make, kind):
    optimizer = torch.optim.SGD([torch.zeros(1, dtype=torch.float64, requires_grad=True)], lr=1.0)
    scheduler = make(optimizer)
    found = []
    for step in range(len(LOSSES) if kind == "reduce_on_plateau" else STEPS):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step(*([LOSSES[step]] if kind == "reduce_on_plateau" else []))
    return found


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    cases = [
        {"kind": kind, "attributes": attributes, "factors": rates(make, kind)}
        for kind, listed in CASES.items()
        for attributes, make in listed
    ]
    print(json.dumps({"losses": LOSSES, "cases": cases}, indent=1))
