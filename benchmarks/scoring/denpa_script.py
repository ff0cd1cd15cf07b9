"""Trains a data set's network with Denpa and prints the test score."""

from __future__ import annotations

import denpa as dp
from task import Plan, Task, serve


def loss_of(plan: Plan) -> dp.Loss:
    return {0: dp.MeanSquaredError(), 2: dp.SigmoidCrossEntropy()}.get(plan.classes, dp.SoftmaxCrossEntropy())


def train(task: Task) -> float:
    plan = task.plan
    layers = [dp.Dense(units, activation=plan.activation) for units in plan.hidden] + [dp.Dense(plan.outputs)]
    net = dp.Sequential(layers, input_shape=task.x.shape[1:], seed=task.seed)
    net.compile(loss=loss_of(plan), optimizer=dp.Adam(learning_rate=plan.rate))
    net.fit(task.x, task.t, batch_size=plan.batch, epochs=plan.epochs)
    return task.score(net.predict_classes(task.xv) if plan.classes else net.predict(task.xv))


if __name__ == "__main__":
    serve(train)
