"""The files that are mutated: models of random networks, with all kinds of layers, and what trainers with each
optimizer remember."""

from __future__ import annotations

from networks import engine
from networks.generate import network
from networks.graph import Invalid, Net

from denpa import errors
from denpa._call import contents, library

LARGEST = 40_000  # bytes of a file
MODELS = 40


def model_files(registry, seed):
    """Returns the files of MODELS random networks."""
    files, number = [], seed * 1000
    while len(files) < MODELS:
        number += 1
        spec = network(number, registry)
        try:
            net = Net(spec)
            with engine.Model(net, engine.TYPES[spec["dtypes"][0]]) as model:
                if spec["seed"] % 3 == 0 and net.parameters:
                    model.freeze(net.parameters[0].name)
                data = model.save()
        except (Invalid, errors.DenpaError):
            continue
        if len(data) <= LARGEST:
            files.append(data)
    return files


def trainers(registry, seed):
    """Returns a trainer for each optimizer, of small networks."""
    found, number = [], seed * 1000 + 500
    kinds = [entry["kind"] for entry in registry["optimizers"]]
    while len(found) < len(kinds):
        number += 1
        spec = network(number, registry)
        try:
            net = Net(spec)
            model = engine.Model(net, engine.TYPES[spec["dtypes"][0]])
            trainer = engine.Trainer(model, 4, optimizer=[kinds[len(found)], {}])
        except (Invalid, errors.DenpaError):
            continue
        if (
            0 < len(net.parameters)
            and len(contents(library.denpa_trainer_save_bytes, trainer.pointer)) <= LARGEST
        ):
            found.append(trainer)
    return found


def vocabulary(registry):
    """Returns the words that files have: kinds, names of attributes, choices."""
    words = {
        "dtype",
        "seed",
        "nodes",
        "outputs",
        "frozen",
        "inputs",
        "shares",
        "attributes",
        "version",
        "shape",
        "elements",
    }

    def walk(value):
        if isinstance(value, dict):
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)
        elif isinstance(value, str) and len(value) < 40 and " " not in value:
            words.add(value)

    walk(registry)
    return sorted(words)
