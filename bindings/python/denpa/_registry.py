"""The classes of everything that the engine has registered, made at import and after each plugin."""

from __future__ import annotations

import builtins
import itertools
import json
import keyword
import sys
from typing import Any, Container, Iterable, Mapping, cast

from . import initializers, layers, losses, metrics, optimizers, schedules
from ._call import library, text
from ._described import Described, DescribedClass, Entry, Initializer
from ._kinds import classes
from ._layer import Layer, function_of
from ._loss import Loss
from ._metric import Metric
from ._optimizer import Optimizer, Schedule

# Words that are not just capitalised: relu -> ReLU, leaky_relu -> LeakyReLU, conv2d -> Conv2D.
WORDS = {
    "relu": "ReLU",
    "prelu": "PReLU",
    "elu": "ELU",
    "selu": "SELU",
    "celu": "CELU",
    "gelu": "GELU",
    "silu": "SiLU",
    "relu6": "ReLU6",
    "glu": "GLU",
    "rnn": "RNN",
    "lstm": "LSTM",
    "gru": "GRU",
    "rms": "RMS",
    "kl": "KL",
    "sgd": "SGD",
    "adamw": "AdamW",
    "nadam": "NAdam",
    "radam": "RAdam",
    "rmsprop": "RMSProp",
    "lamb": "LAMB",
    "lbfgs": "LBFGS",
    "logsoftmax": "LogSoftmax",
    "logcosh": "LogCosh",
    "auc": "AUC",
}
BASES: dict[str, type[Described]] = {
    "layers": Layer,
    "losses": Loss,
    "optimizers": Optimizer,
    "initializers": Initializer,
    "metrics": Metric,
    "schedules": Schedule,
}
NAMESPACES = {
    "layers": layers,
    "losses": losses,
    "optimizers": optimizers,
    "initializers": initializers,
    "metrics": metrics,
    "schedules": schedules,
}


def class_name(kind: str) -> str:
    """Convert a kind to a class name: "dense" to "Dense", "vendor.leaky_relu" to "LeakyReLU"."""
    return "".join(WORDS.get(word) or capital(word) for word in kind.rpartition(".")[2].split("_"))


def capital(word: str) -> str:
    dimensional = len(word) > 2 and word[-1] == "d" and word[-2].isdigit()
    return word[:1].upper() + (word[1:-1] + "D" if dimensional else word[1:])


def is_name(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name)


def free(candidates: Iterable[str], taken: Container[str]) -> str:
    """Return the first candidate that is not taken, or the last one with a number if all are taken."""
    name = ""
    for name in candidates:
        if name.isidentifier() and name not in taken:
            return name
    return next(f"{name}{number}" for number in itertools.count(2) if f"{name}{number}" not in taken)


def attribute_names(entry: Entry, own: Iterable[str]) -> dict[str, Any]:
    """Return the schemas by the names of the attributes in Python.

    An attribute is called `name_` if `name` is an argument of the class or a keyword.
    """
    given = [schema["name"] for schema in entry["attributes"]]
    found: dict[str, Any] = {}
    for schema in entry["attributes"]:
        name = schema["name"]
        while not is_name(name) or name in own or name in found or (name != schema["name"] and name in given):
            name += "_"
        found[name] = schema
    return found


def documentation(entry: Entry, schemas: Mapping[str, Any]) -> str:
    """Return the docstring of a class: formula, attributes, parameters."""
    lines = [entry["summary"]]
    if entry.get("doc") and entry["doc"] != entry["summary"]:
        lines += ["", entry["doc"]]
    if entry["attributes"]:
        lines += ["", "Attributes:"]
    for name, schema in schemas.items():
        default = "required" if schema["required"] else f"default {json.dumps(schema.get('default'))}"
        choices = f"; one of {', '.join(schema['choices'])}" if schema.get("choices") else ""
        lines.append(f"    {name} ({schema['type']}, {default}{choices}): {schema.get('summary') or ''}")
    if entry.get("parameters"):
        lines += ["", f"Parameters: {', '.join(entry['parameters'])}"]
    if entry.get("inputs"):
        lines += ["", f"{', '.join(entry['inputs'])} -> {', '.join(entry.get('outputs') or [])}"]
    return "\n".join(lines)


def make_class(category: str, entry: Entry) -> type[Described]:
    base, kind = BASES[category], entry["kind"]
    whole = "".join(class_name(part) for part in kind.split("."))
    name = free([class_name(kind), whole], vars(NAMESPACES[category]))
    schemas = attribute_names(entry, [own for own, _, _ in base.own_arguments])
    body = {
        "__doc__": documentation(entry, schemas),
        "__module__": f"denpa.{category}",
        "entry": entry,
        "kind": kind,
        "schemas": schemas,
    }
    return DescribedClass(name, (BASES[category],), body)  # type: ignore[return-value]


def refresh() -> list[type[Described]]:
    """Make a class for every entry that has none yet, and return the new classes."""
    described: Mapping[str, Any] = json.loads(text(library.denpa_registry, room=1 << 17))
    made = []
    for category, known in classes.items():
        for entry in described[category]:
            if entry["kind"] in known:
                continue
            for schema in entry["attributes"]:
                settle(schema)
            made_class = make_class(category, entry)
            known[entry["kind"]] = made_class
            publish(category, made_class)
            made.append(made_class)
    return made


def settle(schema: dict[str, Any]) -> None:
    """Replace values that JSON cannot represent by Python values.

    An infinite bound becomes None; a default may be infinite.
    """
    for bound in ("minimum", "maximum"):
        if isinstance(schema[bound], str):
            schema[bound] = None
    default = schema["default"]
    if schema["type"] == "spec" and isinstance(default, dict):
        schema["default"] = default["kind"]
    elif schema["type"] == "float" and default is not None:
        schema["default"] = float(default)
    elif schema["type"] == "floats" and default is not None:
        schema["default"] = [float(number) for number in default]


def publish(category: str, made: type[Described]) -> None:
    """Add a class, and the function form of a layer, to its namespace.

    Built-in ones are also added to `denpa` itself; not a layer without inputs, which is written as a number
    in a graph: `denpa.Constant` is the initializer.
    """
    namespace = NAMESPACES[category]
    entry = made.entry
    setattr(namespace, made.__name__, made)
    names = {made.__name__: made}
    short, whole = entry["kind"].rpartition(".")[2], entry["kind"].replace(".", "_")
    function = None
    if category == "layers":
        candidates = [short, whole] if is_name(short) else [whole]
        function = function_of(cast("type[Layer]", made), free(candidates, vars(namespace)))
    if function is not None:
        setattr(namespace, function.__name__, function)
        names[function.__name__] = cast(Any, function)
    package = vars(sys.modules["denpa"])
    for name, value in names.items():
        is_number = category == "layers" and not entry["inputs"]
        if entry.get("plugin") is None and name not in package and not is_number:
            package[name] = value
            # "from denpa import *" leaves Python's own abs and slice alone.
            if not hasattr(builtins, name):
                package["__all__"].append(name)
