"""Checks that Denpa and its peers compute the same: from the same weights and data, the loss of each of the first steps.

usage: check.py [--peers pytorch,jax,...] [WORKLOAD ...]

Runs the very code that is timed. Prints for each workload and peer the largest |loss - Denpa's| / max(1, |loss|) over ten
steps and the loss after them; ends with 1 where one is above the tolerance.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import sys

from harness import PEERS, ROOT, chosen
from workloads import CE, WORKLOADS

sys.path[:0] = [str(PEERS), str(ROOT / "bindings" / "python")]

STEPS = 10
TOLERANCE = 1e-5
KINDS = {
    "denpa": ("denpa_peer", "Denpa"),
    "pytorch": ("pytorch_peer", "PyTorch"),
    "compiled": ("pytorch_compiled_peer", "CompiledPyTorch"),
    "jax": ("jax_peer", "JAX"),
    "numpy": ("numpy_peer", "NumPy"),
    "sklearn": ("sklearn_peer", "ScikitLearn"),
}
# Adam divides by |g|, so rounding decides the direction of a weight whose gradient is near zero. On mlp-wide at the timed rate that alone
# takes each peer, PyTorch too, 3e-5 away from the losses of float64 within ten steps. Smaller steps keep it below the tolerance.
RATES = {"mlp-wide": 1e-5}
# scikit-learn adds epsilon to Adam's divisor before the correction of v, not after it.
OTHER_ARITHMETIC = {("sklearn", "adam")}


def losses(kind: str, workload: str) -> list[float]:
    """Of ten steps, and after them."""
    from protocol import Network

    network = Network.parse(["2", *WORKLOADS[workload].arguments])
    network = dataclasses.replace(network, rate=RATES.get(workload, network.rate))
    module, name = KINDS[kind]
    peer = getattr(importlib.import_module(module), name)(network)
    result = []
    for _ in range(STEPS + 1):
        peer.step()
        peer.wait()
        result.append(peer.loss())
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description="Checks that Denpa and its peers compute the same.")
    peers = [kind for kind in KINDS if kind != "denpa"]
    parser.add_argument("--peers", type=lambda text: chosen(text.split(","), peers), default=peers)
    parser.add_argument("names", nargs="*")
    wanted = parser.parse_args()
    agree = True
    for name in chosen(wanted.names, list(WORKLOADS)):
        work = WORKLOADS[name]
        ours = losses("denpa", name)
        for kind in wanted.peers:
            if kind == "sklearn" and (not work.plain or work.loss != CE or (kind, work.optimizer) in OTHER_ARITHMETIC):
                continue
            theirs = losses(kind, name)
            worst = max(abs(a - b) / max(1.0, abs(b)) for a, b in zip(ours, theirs))
            good = worst <= TOLERANCE  # False for NaN
            agree = agree and good
            print(f"{name:16s} {kind:10s} {worst:.1e}  {'agrees' if good else 'DIFFERS'}", flush=True)
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
