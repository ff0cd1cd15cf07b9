"""Checks that Denpa and its peers compute the same: from the same weights and data, the loss of each of the first steps.

usage: check.py [--peers pytorch,jax,...] [WORKLOAD ...]

Runs the very code that is timed. Prints for each workload and peer the largest |loss - Denpa's| / max(1, |loss|) over ten
steps and the loss after them; ends with 1 where one is above the tolerance. Dropout draws other numbers in each library: the
steps are taken with a rate of 0, and a second line has the difference of the mean losses with dropout, in standard errors.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import math
import statistics
import sys

from harness import PEERS, ROOT, chosen
from workloads import CE, LOOPS, WORKLOADS

sys.path[:0] = [str(PEERS), str(ROOT / "bindings" / "python")]
from protocol import Network, Peer  # noqa: E402

STEPS = 10
TOLERANCE = 1e-5
DRAWS = 50  # losses with dropout
STANDARD_ERRORS = 5  # by which their means may differ
SPREAD = 3  # of the weights there, so that the loss depends on dropout: with a rate of 0.25 the mean is 8 errors away
KINDS = {
    "denpa": ("denpa_peer", "Denpa"),
    "pytorch": ("pytorch_peer", "PyTorch"),
    "compiled": ("pytorch_compiled_peer", "CompiledPyTorch"),
    "jax": ("jax_peer", "JAX"),
    "numpy": ("numpy_peer", "NumPy"),
    "sklearn": ("sklearn_peer", "ScikitLearn"),
}
LOOP_KINDS = {
    "own-loop": {kind: (f"{kind}_own_loop", "OwnLoop") for kind in ("denpa", "pytorch", "jax")},
    "generator": {kind: (f"{kind}_generator", "FromGenerator") for kind in ("denpa", "pytorch", "jax")},
}
# Adam divides by |g|, so rounding decides the direction of a weight whose gradient is near zero. On mlp-wide at the timed rate that alone
# takes each peer, PyTorch too, 3e-5 away from the losses of float64 within ten steps. Smaller steps keep it below the tolerance.
# RMSProp's first steps are ten times the rate in each weight, and a unit whose input is near 0 may live or die by rounding; with
# clipping and with layer norm too, one program after the other leaves float64's losses at the timed rate.
RATES = {"mlp-wide": 1e-5, "mlp-rmsprop": 1e-6, "mlp-adamw-clip": 3e-4, "mlp-layer-norm": 1e-4}
# scikit-learn adds epsilon to Adam's divisor before the correction of v, not after it.
OTHER_ARITHMETIC = {("sklearn", "adam")}


def made(kind: str, name: str, **changes: float) -> Peer:
    network = Network.parse(["2", *(WORKLOADS | LOOPS)[name].arguments])
    module, kind_of_peer = LOOP_KINDS.get(name, KINDS)[kind]
    return getattr(importlib.import_module(module), kind_of_peer)(dataclasses.replace(network, **changes))


def losses(peer: Peer, count: int) -> list[float]:
    """The loss of each step."""
    result = []
    for _ in range(count):
        peer.steps(1)
        peer.wait()
        result.append(peer.loss())
    return result


def first_losses(kind: str, name: str) -> list[float]:
    """Of ten steps, and after them."""
    rate = {"rate": RATES[name]} if name in RATES else {}
    return losses(made(kind, name, dropout=0.0, **rate), STEPS + 1)


def random_losses(kind: str, name: str) -> list[float]:
    """With dropout, always from the same weights."""
    return losses(made(kind, name, rate=0.0, spread=SPREAD), DRAWS)


def errors_apart(ours: list[float], theirs: list[float]) -> float:
    """The difference of two means in its standard errors; infinite where one of them does not vary."""
    variances = statistics.variance(ours), statistics.variance(theirs)
    if min(variances) == 0:
        return math.inf
    return abs(statistics.mean(ours) - statistics.mean(theirs)) / math.sqrt(sum(variances) / DRAWS)


def compares(kind: str, name: str) -> bool:
    """Whether a peer knows the workload and its arithmetic."""
    if name in LOOPS:
        return kind in LOOP_KINDS[name]
    work = WORKLOADS[name]
    return kind != "sklearn" or (work.plain and work.loss == CE and (kind, work.optimizer) not in OTHER_ARITHMETIC)


def main() -> int:
    parser = argparse.ArgumentParser(description="Checks that Denpa and its peers compute the same.")
    peers = [kind for kind in KINDS if kind != "denpa"]
    parser.add_argument("--peers", type=lambda text: chosen(text.split(","), peers), default=peers)
    parser.add_argument("names", nargs="*")
    wanted = parser.parse_args()
    agree = True

    def report(name: str, kind: str, figure: str, good: bool) -> None:
        nonlocal agree
        agree = agree and good
        print(f"{name:16s} {kind:10s} {figure}  {'agrees' if good else 'DIFFERS'}", flush=True)

    for name in chosen(wanted.names, [*WORKLOADS, *LOOPS]):
        kinds = [kind for kind in wanted.peers if compares(kind, name)]
        ours = first_losses("denpa", name)
        for kind in kinds:
            theirs = first_losses(kind, name)
            worst = max(abs(a - b) / max(1.0, abs(b)) for a, b in zip(ours, theirs))
            report(name, kind, f"{worst:.1e}", worst <= TOLERANCE)  # False for NaN
        if "dropout" in (WORKLOADS | LOOPS)[name].between:
            ours = random_losses("denpa", name)
            for kind in kinds:
                apart = errors_apart(ours, random_losses(kind, name))
                report(name, kind, f"{apart:.1f} standard errors", apart <= STANDARD_ERRORS)
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
