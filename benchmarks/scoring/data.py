"""The data sets, split and scaled: three classifications and a regression of scikit-learn, and a regression
that is generated. Nothing is downloaded.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from task import PLANS, Plan, Task

TEST_SHARE = 0.25


def california_like(rows: int = 5000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Returns districts (rows, 8), with columns and distributions like those of the California housing data,
    and their median price in 100,000 dollars (rows,). It follows from income, the distance to two cities, the
    coast, rooms, occupancy, age and noise, and is cut at 5, as it is there.
    """
    rng = np.random.default_rng(seed)
    income = rng.lognormal(1.25, 0.45, rows)
    age = rng.integers(1, 53, rows)
    rooms = rng.lognormal(1.6, 0.25, rows) * (income / 3.5) ** 0.25
    bedrooms = rng.lognormal(0.05, 0.12, rows)
    population = rng.lognormal(7.0, 0.7, rows)
    occupancy = rng.lognormal(1.05, 0.25, rows)
    north = rng.random(rows) < 0.45
    latitude = np.where(north, 37.8, 34.0) + rng.normal(0, 0.8, rows)
    longitude = np.where(north, -122.2, -118.2) + 0.6 * rng.normal(0, 1.2, rows) - 0.5 * (latitude - 36)
    bay = np.hypot(latitude - 37.8, longitude + 122.4)
    angeles = np.hypot(latitude - 34.0, longitude + 118.4)
    place = (
        1.3 * np.exp(-bay / 0.8)
        + np.exp(-angeles / 0.6)
        - 0.4 * np.tanh(longitude + 119 + 0.8 * (latitude - 36))
    )
    comfort = 0.5 * np.tanh(rooms / bedrooms - 4.5) - 0.5 * np.log(occupancy / 2.8) + 0.15 * np.sin(age / 8)
    price = np.exp(
        0.2 + 0.75 * np.log(income / 3.5) + 0.45 * place + 0.3 * comfort + rng.normal(0, 0.18, rows)
    )
    return np.column_stack(
        [income, age, rooms, bedrooms, population, occupancy, latitude, longitude]
    ), np.clip(price, 0.15, 5)


LOADERS = {
    "digits": lambda: load_digits(return_X_y=True),
    "wine": lambda: load_wine(return_X_y=True),
    "cancer": lambda: load_breast_cancer(return_X_y=True),
    "diabetes": lambda: load_diabetes(return_X_y=True),
    "california": california_like,
}


def task(name: str, split: int, plan: Plan | None = None) -> Task:
    """Returns a data set with a random quarter for testing, with equal shares of the classes.

    Inputs have mean 0 and variance 1 in the rows to train on (digits: 0 to 1), and so has the target of
    diabetes. The price of california keeps its unit.
    """
    plan = plan or PLANS[name]
    x, t = LOADERS[name]()
    x, xv, t, tv = train_test_split(
        x, t, test_size=TEST_SHARE, random_state=split, stratify=t if plan.classes else None
    )
    if name == "digits":
        x, xv = x / 16, xv / 16
    else:
        scaler = StandardScaler().fit(x)
        x, xv = scaler.transform(x), scaler.transform(xv)
    if name == "diabetes":
        mean, deviation = t.mean(), t.std()
        t, tv = (t - mean) / deviation, (tv - mean) / deviation
    kind = np.int64 if plan.classes else np.float32
    return Task(plan, x.astype(np.float32), t.astype(kind), xv.astype(np.float32), tv.astype(kind), split)


def shortened(name: str, epochs: int | None) -> Plan:
    """Returns the plan of a data set, with other epochs if they are given."""
    return dataclasses.replace(PLANS[name], epochs=epochs) if epochs else PLANS[name]
