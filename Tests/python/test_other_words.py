"""The words of other libraries are answered with ours, and never work as a second name."""

from __future__ import annotations

import denpa as dp
import pytest
from denpa._suggestions import ELSEWHERE

CALLS = [
    (lambda: dp.Adam(lr=1), "learning_rate"),
    (lambda: dp.Adam(beta_1=0.8), "beta1"),
    (lambda: dp.SGD(clipnorm=1), "clip_norm"),
    (lambda: dp.Dense(3, use_bias=False), "bias"),
    (lambda: dp.Dense(3, kernel_initializer="zeros"), "initializer"),
    (lambda: dp.Dense(out_features=3), "units"),
    (lambda: dp.Dense(3, initializer="he_normal"), "he"),
    (lambda: dp.Dense(3, initializer="glorot_uniform"), "xavier_uniform"),
    (lambda: dp.Dense(3, activation="swish"), "silu"),
    (lambda: dp.SoftmaxCrossEntropy(label_smoothing=0.1), "smoothing"),
    (lambda: dp.SoftmaxCrossEntropy(ignore_index=3), "ignored"),
    (lambda: dp.create("Linear", 3), "dense"),
    (lambda: dp.CrossEntropyLoss, "SoftmaxCrossEntropy"),
    (lambda: dp.Linear, "Dense"),
    (lambda: dp.BatchNorm1d, "BatchNorm"),
    (lambda: dp.MSELoss, "MeanSquaredError"),
    (lambda: dp.ReduceLROnPlateau, "ReduceOnPlateau"),
    (lambda: dp.Sequental, "Sequential"),
]
COMPILED = [
    ({"loss": "sparse_categorical_crossentropy"}, "softmax_cross_entropy"),
    ({"loss": "binary_crossentropy"}, "binary_cross_entropy"),
    ({"loss": "mse", "metrics": ["acc"]}, "accuracy"),
    ({"loss": "mse", "metrics": ["r2_score"]}, "r2"),
]


@pytest.mark.parametrize("call, ours", CALLS, ids=[ours for _, ours in CALLS])
def test_calls(call, ours):
    with pytest.raises((dp.DenpaError, AttributeError), match=f'did you mean "{ours}"'):
        build = call()
        dp.Sequential([build], (2,))


@pytest.mark.parametrize("arguments, ours", COMPILED, ids=[ours for _, ours in COMPILED])
def test_compile(arguments, ours):
    net = dp.Sequential([dp.Dense(2)], (2,))
    with pytest.raises(dp.DenpaError, match=f'did you mean "{ours}"'):
        net.compile(**arguments)


def test_each_word_leads_somewhere():
    """To a kind or an attribute of one, or an argument of a class; and no word is one of ours."""
    from denpa import _kinds

    ours = {kind for kinds in _kinds.classes.values() for kind in kinds}
    for kinds in _kinds.classes.values():
        for made in kinds.values():
            ours |= set(made.schemas) | {name for name, _, _ in made.own_arguments}
    assert set(ELSEWHERE.values()) <= ours, sorted(set(ELSEWHERE.values()) - ours)
