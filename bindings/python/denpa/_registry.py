"""The classes of all that the engine knows, made from its own description: at import and after each plugin."""

from __future__ import annotations

import json
import sys
from typing import Any, Mapping, cast

from . import initializers, layers, losses, optimizers
from ._attributes import closest
from ._call import library, text
from ._described import Described, DescribedClass, Entry, Initializer, Optimizer
from ._layer import Layer, function_of
from ._loss import Loss
from .errors import AlreadyExists, NotRegistered

# Words that are not just capitalised: relu -> ReLU, leaky_relu -> LeakyReLU, conv2d -> Conv2D.
WORDS = {
    "relu": "ReLU",
    "prelu": "PReLU",
    "elu": "ELU",
    "selu": "SELU",
    "celu": "CELU",
    "gelu": "GELU",
    "silu": "SiLU",
    "rnn": "RNN",
    "lstm": "LSTM",
    "gru": "GRU",
    "rms": "RMS",
    "sgd": "SGD",
    "adamw": "AdamW",
    "rmsprop": "RMSProp",
    "lbfgs": "LBFGS",
    "logsoftmax": "LogSoftmax",
    "logcosh": "LogCosh",
}
BASES: dict[str, type[Described]] = {
    "layers": Layer,
    "losses": Loss,
    "optimizers": Optimizer,
    "initializers": Initializer,
}
NAMESPACES = {"layers": layers, "losses": losses, "optimizers": optimizers, "initializers": initializers}
ALIASES = {"mse": "mean_squared_error", "mae": "mean_absolute_error"}

classes: dict[str, dict[str, type[Described]]] = {category: {} for category in BASES}


def class_name(kind: str) -> str:
    """ "dense" -> "Dense", "vendor.leaky_relu" -> "LeakyReLU", "conv2d" -> "Conv2D"."""
    return "".join(WORDS.get(word) or capital(word) for word in kind.rpartition(".")[2].split("_"))


def capital(word: str) -> str:
    dimensional = len(word) > 2 and word[-1] == "d" and word[-2].isdigit()
    return word[:1].upper() + (word[1:-1] + "D" if dimensional else word[1:])


def documentation(entry: Entry) -> str:
    """The docstring of a class: formula, attributes, parameters."""
    lines = [entry["summary"]]
    if entry.get("doc") and entry["doc"] != entry["summary"]:
        lines += ["", entry["doc"]]
    if entry["attributes"]:
        lines += ["", "Attributes:"]
    for schema in entry["attributes"]:
        default = "required" if schema["required"] else f"default {json.dumps(schema.get('default'))}"
        choices = f"; one of {', '.join(schema['choices'])}" if schema.get("choices") else ""
        lines.append(f"    {schema['name']} ({schema['type']}, {default}{choices}): {schema.get('summary') or ''}")
    if entry.get("parameters"):
        lines += ["", f"Parameters: {', '.join(entry['parameters'])}"]
    if entry.get("inputs"):
        lines += ["", f"{', '.join(entry['inputs'])} -> {', '.join(entry.get('outputs') or [])}"]
    return "\n".join(lines)


def make_class(category: str, entry: Entry) -> type[Described]:
    name = class_name(entry["kind"])
    body = {
        "__doc__": documentation(entry),
        "__module__": f"denpa.{category}",
        "entry": entry,
        "kind": entry["kind"],
        "schemas": {schema["name"]: schema for schema in entry["attributes"]},
    }
    return DescribedClass(name, (BASES[category],), body)  # type: ignore[return-value]


def refresh() -> list[type[Described]]:
    """Makes a class for every entry that has none yet. AlreadyExists where two would have one name."""
    described: Mapping[str, Any] = json.loads(text(library.denpa_registry, room=1 << 17))
    made = []
    for category, known in classes.items():
        for entry in described[category]:
            if entry["kind"] in known:
                continue
            for schema in entry["attributes"]:
                if schema["type"] == "spec" and isinstance(schema["default"], dict):
                    schema["default"] = schema["default"]["kind"]
            made_class = make_class(category, entry)
            known[entry["kind"]] = made_class
            publish(category, made_class)
            made.append(made_class)
    return made


def publish(category: str, made: type[Described]) -> None:
    """Puts a class into its namespace, and what is built in into `denpa` itself, with the function form of a layer."""
    namespace = NAMESPACES[category]
    entry = made.entry
    taken = vars(namespace).get(made.__name__)
    if taken is not None:
        raise AlreadyExists(
            f'the name denpa.{category}.{made.__name__} of "{made.kind}" is taken by "{taken.kind}"; '
            f'denpa.create("{made.kind}", ...) makes one all the same'
        )
    names = {made.__name__: made}
    function = function_of(cast("type[Layer]", made)) if category == "layers" else None
    if function is not None:
        names[function.__name__] = cast(Any, function)
    package = vars(sys.modules["denpa"])
    for name, value in names.items():
        if name not in vars(namespace):
            setattr(namespace, name, value)
        if entry.get("plugin") is None and name not in package:
            package[name] = value
            package["__all__"].append(name)


def find(category: str, kind: str) -> type[Described]:
    """The class of a kind, or NotRegistered with the nearest names."""
    kind = ALIASES.get(kind, kind)
    found = classes[category].get(kind)
    if found is None:
        known = ", ".join(sorted(classes[category]))
        raise NotRegistered(f'there is no "{kind}" among the {category}{closest(kind, classes[category])} Known: {known}.')
    return found


def create(kind: str, *arguments: Any, **attributes: Any) -> Any:
    """Makes a layer, loss, optimizer or initializer by its registered kind: create("vendor.swish", beta=2)."""
    for category, known in classes.items():
        if kind in known:
            return find(category, kind)(*arguments, **attributes)
    return find("layers", kind)
