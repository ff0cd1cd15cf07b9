"""Trains a data set's network with scikit-learn's MLP and prints the test score.

By default it would end when the training loss has not improved by 1e-4 for ten epochs. Here it takes all of
them, like the others. Its L2 penalty is the default, 1e-4.
"""

from __future__ import annotations

import warnings

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from task import Task, serve


def train(task: Task) -> float:
    plan = task.plan
    kind = MLPClassifier if plan.classes else MLPRegressor
    net = kind(
        hidden_layer_sizes=plan.hidden,
        activation=plan.activation,
        batch_size=plan.batch,
        learning_rate_init=plan.rate,
        max_iter=plan.epochs,
        n_iter_no_change=plan.epochs,
        random_state=task.seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # all epochs were taken
        net.fit(task.x, task.t)
    return task.score(net.predict(task.xv))


if __name__ == "__main__":
    serve(train)
