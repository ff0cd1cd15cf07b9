"""The comparisons of test scores work: data, tables and scripts of benchmarks/scores.py and initializers.py."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest
from denpa_support import ROOT

BENCHMARKS = ROOT / "benchmarks"
SETS = ["digits", "wine", "cancer", "diabetes", "california"]


@pytest.fixture(scope="module")
def scoring():
    """The modules of the benchmarks, which import each other by their plain names."""
    added = [str(BENCHMARKS / "scoring"), str(BENCHMARKS)]
    sys.path[:0] = added
    try:
        import data
        import scores
        import task

        yield {"data": data, "scores": scores, "task": task}
    finally:
        for path in added:
            sys.path.remove(path)


def run(script: str, *arguments: str) -> list[list[str]]:
    """The cells of the rows of a benchmark's tables, without their heads."""
    command = [sys.executable, str(BENCHMARKS / script), *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")]
    return [row for row in rows if row[0] not in ("test score", "seconds of a script", "hidden")]


@pytest.mark.parametrize("name", SETS)
def test_data(scoring, name):
    task, again, other = (scoring["data"].task(name, split) for split in (0, 0, 1))
    rows = len(task.x) + len(task.xv)
    assert rows == {"digits": 1797, "wine": 178, "cancer": 569, "diabetes": 442, "california": 5000}[name]
    assert len(task.xv) == -(-rows // 4) == len(task.tv) and len(task.t) == len(task.x)
    assert task.x.dtype == np.float32 and task.t.dtype == (np.int64 if task.plan.classes else np.float32)
    for mine, same in zip((task.x, task.t, task.xv, task.tv), (again.x, again.t, again.xv, again.tv)):
        np.testing.assert_array_equal(mine, same)
    assert (task.xv != other.xv).any()
    if task.plan.classes:
        share = [np.bincount(t, minlength=task.plan.classes) / len(t) for t in (task.t, task.tv)]
        np.testing.assert_allclose(share[0], share[1], atol=0.01)
    if name == "digits":
        assert task.x.min() == 0 and task.x.max() == 1
    else:
        np.testing.assert_allclose(task.x.mean(0), 0, atol=1e-5)
        np.testing.assert_allclose(task.x.std(0), 1, atol=1e-5)


def test_score(scoring):
    from sklearn.metrics import accuracy_score, r2_score

    for name, metric in ("digits", accuracy_score), ("diabetes", r2_score):
        task = scoring["data"].task(name, 0)
        predicted = np.roll(task.tv, 1)
        expected = metric(task.tv.astype(float), predicted.astype(float))
        assert abs(task.score(predicted.reshape(-1, 1)) - expected) < 1e-12


def test_verdict(scoring):
    verdict = scoring["scores"].verdict
    # Differences of −3, −1, −2: a mean of −2 with a standard error of 1 / √3.
    assert verdict([1.0, 2.0, 3.0], [4.0, 3.0, 5.0]) == "below (-2.0000 ± 0.5774)"
    # Of 3, −1, −2.5: a mean of −0.1667, a standard error of 1.6415.
    assert verdict([7.0, 2.0, 2.5], [4.0, 3.0, 5.0]) == "not below (-0.1667 ± 1.6415)"
    assert verdict([4.0, 3.0], [4.0, 3.0]) == "not below (+0.0000 ± 0.0000)"


def test_tables():
    rows = run("scores.py", "--splits", "1", "--epochs", "1", "--runs", "1", "--peers", "scikit-learn")
    assert [row[0] for row in rows] == SETS * 2
    for name, ours, theirs, word in rows[: len(SETS)]:
        for cell in ours, theirs:
            assert -3 < float(re.fullmatch(r"(-?\d\.\d{4}) ± 0\.0000", cell)[1]) <= 1, name
        assert re.fullmatch(r"(not )?below \([+-]\d\.\d{4} ± 0\.0000\)", word)
    for name, ours, theirs, ratio in rows[len(SETS) :]:
        assert float(ours) > 0 and float(ratio) == pytest.approx(float(theirs) / float(ours), abs=0.06), name


def test_a_script_trains_as_in_the_table():
    (row,) = run("scores.py", "--splits", "2", "--runs", "0", "--peers", "scikit-learn", "--sets", "wine")
    assert all(float(cell.split()[0]) > 0.9 for cell in row[1:3])


def test_pytorchs_script_is_python():
    path = BENCHMARKS / "scoring" / "pytorch_script.py"
    compile(path.read_text(), str(path), "exec")


def test_initializers():
    rows = run("initializers.py", "--seeds", "2", "--share", "0.1", "--sets", "wine", "diabetes")
    losses = [float(row[-1]) for row in rows]
    assert losses == sorted(losses) and 1 in losses and len(rows) == 34
    ways = {tuple(row[:3]): row[3:] for row in rows}
    assert len(ways) == 34 and all(re.fullmatch(r"-?\d\.\d{4} \([+-]\d+\.\d\)", row[3]) for row in rows)
    assert ways["he", "xavier", "zeros"][-1] == "1.000"
