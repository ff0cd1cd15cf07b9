"""Runs the networks that it reads from standard input and writes a line of JSON for each; a crash of the
engine ends it.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import traceback

from denpa._call import library

from . import engine, gradients, predicting, sizes, tracing, training
from .case import Case, Rejected, Report
from .generate import network
from .graph import Invalid, Net
from .normalization import Dropout


def run(spec, kernels):
    """Runs one network and returns the findings."""
    report, started, handles = Report(), time.process_time(), library.denpa_test_handles()
    answer = {"seed": spec["seed"], "rejected": False, "census": []}
    # A softmax and the cross-entropy after it become one formula unless plans are observed, which gives other
    # bits.
    answer["fuses"] = any(loss["kind"] == "cross_entropy" for loss in spec["losses"])
    try:
        net = Net(spec)
        for dtype in spec["dtypes"]:
            case = Case(net, dtype, report)
            predicting.check(case)
            if not any(Dropout.is_random(node) for node in net.nodes):
                tracing.check(case)
                gradients.check(case)
                training.check(case)
            case.model.close()
        answer["census"] = sorted(sizes.census(net, kernels))
    except (Rejected, Invalid) as error:
        answer["rejected"] = repr(error)
    except Exception:
        report.add("campaign: " + traceback.format_exc().splitlines()[-1], traceback.format_exc())
    if library.denpa_test_handles() != handles and not answer["rejected"] and not report.failures:
        report.add("handles: left over", f"{library.denpa_test_handles() - handles} more than before")
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        **answer,
        "failures": report.failures,
        "digests": report.digests(),
        "seconds": time.process_time() - started,
        "kernels": kernels,
        "memory": usage.ru_maxrss * 1024,
        "theme": spec.get("theme"),
        "large": spec["large"],
    }


def main():
    registry = engine.start()
    kernels = engine.kernels()
    for line in sys.stdin:
        asked = json.loads(line)
        if "registry" in asked:
            from .reference import unknown

            print(
                json.dumps({"unknown": [*unknown(registry), *sizes.MISSING], "kernels": kernels}), flush=True
            )
            continue
        spec = (
            asked["spec"]
            if "spec" in asked
            else network(
                asked["seed"],
                registry,
                os.environ.get("DENPA_NETWORKS_THEME"),
                os.environ.get("DENPA_NETWORKS_KIND"),
            )
        )
        if asked.get("show"):
            print(json.dumps(spec), flush=True)
            continue
        print(json.dumps(run(spec, kernels)), flush=True)


if __name__ == "__main__":
    main()
