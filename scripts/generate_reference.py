#!/usr/bin/env python3
"""Writes docs/reference: a page for each category of the registry, from the library's own descriptions.

    scripts/generate_reference.py            writes the pages
    scripts/generate_reference.py --check    fails if a page is not what would be written
"""

import json
import pathlib
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "reference"
sys.path.insert(0, str(ROOT / "bindings" / "python"))

WIDTH = 110
PAGES = {
    "layers": "Layers are the nodes of a graph: `denpa_graph_add`, in Python `dp.Dense(8)(x)` or in a `Sequential`.",
    "losses": "Losses are terms of a trainer: `denpa_loss_on`, in Python `net.compile(loss=...)`.",
    "optimizers": "Optimizers belong to a trainer: `denpa_trainer_options.optimizer`, in Python "
    "`net.compile(optimizer=...)`. Groups of parameters, limits of gradients, schedules and accumulation are "
    "options of the trainer; in Python, arguments of every optimizer.",
    "schedules": "Schedules multiply the learning rate: `denpa_trainer_options.schedule`, in Python "
    "`dp.Adam(1e-3, schedule=...)`. t counts steps of the optimizer or epochs of fit, from 0.",
    "metrics": "Metrics are measured by fit and evaluate: `denpa_trainer_options.metrics`, in Python "
    "`net.compile(metrics=[...])`. They do not depend on the batch size.",
    "initializers": "Initializers draw the first values of parameters, by the model's seed and the parameter's "
    'number. "auto", the default of dense and conv2d, chooses one by the activation.',
}


def described(value, kind):
    """Returns an attribute's default or limit as a reader writes it."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return f"`{value['kind']}`" if "kind" in value else "a tensor"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "none" if not value else f"`{json.dumps(value)}`"
    if isinstance(value, float) and kind != "float" and value.is_integer():
        value = int(value)
    return f"`{value}`" if not isinstance(value, str) or value else "none"


def values(attribute):
    if attribute["choices"]:
        return ", ".join(f"`{choice}`" for choice in attribute["choices"])
    low, high = attribute["minimum"], attribute["maximum"]
    finite = [isinstance(limit, (int, float)) and abs(limit) < 1e9 for limit in (low, high)]
    limits = [f"{limit:.10g}" if known else "" for limit, known in zip((low, high), finite)]
    if all(finite):
        return f"{limits[0]} to {limits[1]}"
    return f"at least {limits[0]}" if finite[0] else f"at most {limits[1]}" if finite[1] else ""


def section(entry):
    lines = [f"## {entry['kind']}", "", *textwrap.wrap(entry["summary"], WIDTH), ""]
    if entry.get("doc") and entry["doc"] != entry["summary"]:
        lines += [*textwrap.wrap(entry["doc"], WIDTH), ""]
    facts = []
    if entry.get("inputs") is not None:
        more = ", any number of them" if entry.get("variadic") else ""
        facts.append(f"inputs {', '.join(entry['inputs']) or 'none'}{more}")
        facts.append(f"outputs {', '.join(entry['outputs'])}")
    if entry.get("parameters"):
        facts.append(f"parameters {', '.join(entry['parameters'])}")
    if "higher_is_better" in entry:
        facts.append("more is better" if entry["higher_is_better"] else "less is better")
    if facts:
        sentence = "; ".join(facts)
        lines += [*textwrap.wrap(f"{sentence[0].upper()}{sentence[1:]}.", WIDTH), ""]
    if entry["attributes"]:
        lines += ["| attribute | type | default | values | meaning |", "|---|---|---|---|---|"]
        for attribute in entry["attributes"]:
            default = "required" if attribute["required"] else described(attribute["default"], attribute["type"])
            cells = [f"`{attribute['name']}`", attribute["type"], default, values(attribute), attribute["summary"]]
            lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
        lines.append("")
    return lines


def pages():
    """Yields (path, text) of each page."""
    from denpa._call import library, text

    registry = json.loads(text(library.denpa_registry, room=1 << 17))
    for category, words in PAGES.items():
        entries = [entry for entry in registry[category] if not entry.get("plugin")]
        names = ", ".join(f"[{entry['kind']}](#{entry['kind']})" for entry in entries)
        lines = [f"# {category.capitalize()}", "", "<!-- Made by scripts/generate_reference.py: do not edit. -->", ""]
        lines += [*textwrap.wrap(words, WIDTH), ""]
        lines += [*textwrap.wrap(names, WIDTH, break_long_words=False, break_on_hyphens=False), ""]
        for entry in entries:
            lines += section(entry)
        yield FOLDER / f"{category}.md", "\n".join(lines).rstrip() + "\n"


def main():
    stale = []
    for path, text in pages():
        if "--check" in sys.argv:
            if not path.exists() or path.read_text() != text:
                stale.append(path.name)
        else:
            FOLDER.mkdir(exist_ok=True)
            path.write_text(text)
    if stale:
        sys.exit(f"docs/reference is not what the library says ({', '.join(stale)}): make reference")


if __name__ == "__main__":
    main()
