"""usage: python -m networks [--seed S] [--count N] [--only SEED] [--theme THEME] [--verbose]

make campaign-networks N=… SEED=… does the same.

Generates random networks from seed S on, builds each in the engine and in NumPy, and compares both in many
ways (CONTRIBUTING.md). Two processes at a time; each runs blocks of 50 networks in a child, so that a crash
only ends its block. A failure is reduced and printed with its seed and with a program that reproduces it. The
last line is "N passed, N failed".
"""

from __future__ import annotations

import argparse
import collections
import os
import pathlib
import sys
import threading
import time

from . import sizes
from .child import Child, kernel_sets
from .script import script
from .shrink import shrink
from .themes import THEMES

BLOCK = 50
SHRINKING = 60  # seconds for each kind of failure
# Some networks run again with the engine's memory guarded, and some with plans without fusion and shared
# memory.
MODES = {3: "DENPA_GUARD", 7: "DENPA_OBSERVE"}


class Campaign:
    def __init__(self, arguments):
        self.arguments, self.lock = arguments, threading.Lock()
        self.sets = kernel_sets()
        self.started = time.monotonic()
        self.done = self.rejected = self.large = self.seconds = self.memory = 0
        self.failed = {}
        self.kinds, self.themes, self.census = (collections.Counter() for _ in range(3))
        self.first_of = {}
        self.compared, self.differing = collections.Counter(), collections.Counter()
        self.given = any(mode in os.environ for mode in MODES.values())
        last = arguments.seed + arguments.count
        if arguments.only is not None:
            self.blocks = iter([[arguments.only]])
        else:
            edges = range(arguments.seed // BLOCK, (last - 1) // BLOCK + 1)
            self.blocks = iter(
                [
                    list(range(max(block * BLOCK, arguments.seed), min((block + 1) * BLOCK, last)))
                    for block in edges
                ]
            )

    def kernels(self, seed):
        """Returns the set of kernels for the networks of a block: the requested one, or the best three times
        out of five.
        """
        return os.environ.get("DENPA_KERNELS") or self.sets[seed // BLOCK % len(self.sets)]

    def say(self, text):
        print(text, flush=True)

    # -- running ---------------------------------------------------------------------------------------------
    def work(self):
        while True:
            with self.lock:
                block = next(self.blocks, None)
            if block is None:
                return
            self.block(block)

    def block(self, seeds):
        kernels, children = self.kernels(seeds[0]), {}

        def ask(seed, mode):
            if mode not in children:
                children[mode] = Child(kernels, mode)
            answer = children[mode].ask({"seed": seed})
            if "died" in answer:
                children.pop(mode).end()
            return answer

        for number, seed in enumerate(seeds):
            answer = ask(seed, None)
            if "died" in answer:
                answer = self.died(seeds[: number + 1], answer)
            self.note(seed, answer)
            mode = MODES.get(seed % 10)
            if mode and not self.given and not answer["failures"]:
                self.again(seed, mode, answer, ask(seed, mode))
        for child in children.values():
            child.end()

    def again(self, seed, mode, plain, answer):
        """Returns the result of a second run in another mode of the engine."""
        if "died" in answer:
            answer["failures"] = [{"kind": f"crash: {answer['died']}", "message": answer["text"]}]
        elif not answer["failures"]:
            for name, digest in plain["digests"].items():
                self.compared[mode] += 1
                if answer["digests"].get(name) != digest:
                    self.differing[mode, name.split(",")[0]] += 1
                    if mode == "DENPA_GUARD" or not plain["fuses"]:
                        answer["failures"] = [
                            {"kind": f"other bits: {name}", "message": f"{digest} and {answer['digests']}"}
                        ]
        self.note(seed, {"failures": answer["failures"]}, mode)

    def died(self, seeds, answer):
        """Finds out whether a network alone kills a child, and if not, how many networks before it are
        needed.
        """
        seed, kernels = seeds[-1], self.kernels(seeds[-1])
        alone = Child(kernels).once({"seed": seed})
        if "died" in alone:
            return {"failures": [{"kind": f"crash: {alone['died']}", "message": alone["text"]}]}
        low, high = 0, len(seeds) - 1  # the run from `low` on kills, that from `high` on does not
        if not self.dies(seeds, kernels):
            return {
                "failures": [
                    {
                        "kind": "crash: once",
                        "message": f"{answer['died']}, not again from seed {seeds[0]} on\n{answer['text']}",
                    }
                ]
            }
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.dies(seeds[middle:], kernels) else (low, middle)
        return {
            "failures": [
                {
                    "kind": "crash: after others",
                    "message": f"{answer['died']}, after seeds {seeds[low]} to {seed}\n{answer['text']}",
                }
            ]
        }

    @staticmethod
    def dies(seeds, kernels):
        child = Child(kernels)
        answers = [child.ask({"seed": seed}) for seed in seeds]
        child.end()
        return "died" in answers[-1] and not any("died" in answer for answer in answers[:-1])

    def note(self, seed, answer, mode=None):
        with self.lock:
            self.seconds += answer.get("seconds", 0)
            self.memory = max(self.memory, answer.get("memory", 0))
            if mode is None:
                self.done += 1
                self.rejected += bool(answer.get("rejected"))
                self.large += bool(answer.get("large"))
                self.themes[answer.get("theme")] += 1
                self.census.update(map(tuple, answer.get("census", [])))
            if self.arguments.verbose:
                self.say(
                    f"seed {seed}: {answer.get('theme')}, {answer.get('seconds', 0):.2f} s,"
                    f" {len(answer['failures'])} failure(s) {answer.get('rejected') or ''}"
                )
            new = []
            for failure in answer["failures"]:
                if mode:
                    failure["kind"] = f"{failure['kind']} ({mode}=1)"
                self.failed.setdefault(seed, []).append(failure["kind"])
                self.kinds[failure["kind"]] += 1
                if failure["kind"] not in self.first_of:
                    self.first_of[failure["kind"]] = (seed, self.done)
                    new.append(failure)
        for failure in new:
            self.show(seed, failure, mode)

    # -- failures --------------------------------------------------------------------------------------------
    def show(self, seed, failure, mode):
        """Reduces a failure of a new kind and prints it."""
        kernels, kind = self.kernels(seed), failure["kind"]
        settings = f"DENPA_KERNELS={kernels}" + (f" {mode}=1" if mode else "")
        spec = Child(kernels).once({"seed": seed, "show": True})
        text = [
            f"FAILED seed {seed} (network {self.done} of this run, {settings}): {kind}",
            f"  {failure['message']}",
        ]
        if "died" not in spec and not kind.startswith(("crash: after", "crash: once", "other bits")):
            child, kind = Child(kernels, mode), kind.removesuffix(f" ({mode}=1)")

            def fails(candidate):
                nonlocal child
                answer = child.ask({"spec": candidate}, seconds=60)
                if "died" in answer:
                    child.end()
                    child = Child(kernels, mode)
                    return kind == f"crash: {answer['died']}"
                found = [known for known in answer["failures"] if known["kind"] == kind]
                failure.update(found[0] if found else {})
                return bool(found)

            small = shrink(spec, fails, 0 if self.arguments.no_shrinking else SHRINKING)
            child.end()
            text += [
                f"  smaller: {small}",
                f"  {failure['message']}",
                "---- a program that shows it",
                script(small, {**failure, "kind": kind}, settings) + "----",
            ]
        with self.lock:
            self.say("\n".join(text))

    # -- telling ---------------------------------------------------------------------------------------------
    def progress(self):
        seconds = time.monotonic() - self.started
        self.say(
            f"{seconds:6.0f} s: {self.done} networks, {len(self.failed)} failed,"
            f" {self.memory >> 20} MiB at most"
        )

    def end(self):
        seconds = time.monotonic() - self.started
        self.say(
            f"{self.done} networks in {seconds:.0f} s ({self.seconds:.0f} s of work), {self.large} large,"
            f" {self.rejected} whose values got out of hand, by theme {dict(self.themes)}"
        )
        self.say(f"thresholds of {sizes.SOURCES.name} and networks that came to them:")
        for line in sizes.table(self.census):
            self.say(line)
        for mode, count in sorted(self.compared.items()):
            others = {name: number for (of, name), number in self.differing.items() if of == mode}
            self.say(
                f"{mode}=1: {count} results of networks that ran so too, other bits in {others or 'none'}"
            )
        for kind, count in self.kinds.most_common():
            seed, number = self.first_of[kind]
            seeds = [seed for seed, kinds in self.failed.items() if kind in kinds][:8]
            self.say(f"{count} times: {kind}; first at network {number}, seed {seed}; seeds {seeds}")


def main():
    parser = argparse.ArgumentParser(
        prog="networks", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1, help="the first network's seed (1)")
    parser.add_argument("--count", type=int, default=400, help="how many networks (400)")
    parser.add_argument("--only", type=int, metavar="SEED", help="this network alone")
    parser.add_argument(
        "--theme", choices=[theme.__name__ for theme, _ in THEMES], help="networks of one theme"
    )
    parser.add_argument("--kind", help="networks in which layers of this kind are frequent")
    parser.add_argument("--verbose", action="store_true", help="a line for each network")
    parser.add_argument("--no-shrinking", action="store_true", help="failures as they are")
    arguments = parser.parse_args()
    if arguments.theme:
        os.environ["DENPA_NETWORKS_THEME"] = arguments.theme  # for the children
    if arguments.kind:
        os.environ["DENPA_NETWORKS_KIND"] = arguments.kind
    campaign = Campaign(arguments)
    about = Child(campaign.kernels(0)).once({"registry": True})
    missing = about.get("unknown", [str(about)])
    for sentence in missing:
        campaign.say(f"FAILED {sentence}")
    workers = [
        threading.Thread(target=campaign.work, daemon=True)
        for _ in range(1 if arguments.only is not None else 2)
    ]
    for worker in workers:
        worker.start()
    said = time.monotonic()
    while any(worker.is_alive() for worker in workers):
        time.sleep(0.1)
        if time.monotonic() - said >= 10:
            said = time.monotonic()
            campaign.progress()
    campaign.end()
    failed = len(campaign.failed) + len(missing)
    print(f"{campaign.done - len(campaign.failed)} passed, {failed} failed", flush=True)
    return 1 if failed or not campaign.done else 0


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
    sys.exit(main())
