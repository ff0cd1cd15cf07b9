"""The examples run, from an empty folder, and say what they should. Those of the notes: test_study_notes.py."""

from __future__ import annotations

import numpy as np
from denpa_support import ROOT, run_example

FOLDER = ROOT / "examples" / "python"


def test_every_example_is_tested():
    tested = {"xor.py", "backprop_book.py", "digits.py", "loss_surface.py", "three_factors.py"}
    assert {path.name for path in FOLDER.glob("*.py")} == tested


def test_xor(tmp_path):
    assert "1 xor 1 = 0" in run_example("xor.py", folder=tmp_path)


def test_backprop_book(tmp_path):
    text = run_example("backprop_book.py", folder=tmp_path)
    assert "near ln 3" in text and "0.9999546021312976" in text


def test_digits(tmp_path):
    text = run_example("digits.py", str(tmp_path / "out"), folder=tmp_path)
    assert "accuracy 9" in text and "swish.beta" in text and "epoch 10/10" in text
    images = np.fromfile(tmp_path / "out" / "images.f32", "f4").reshape(-1, 64)
    predictions = np.fromfile(tmp_path / "out" / "predictions.i32", "i4")
    assert len(images) == len(predictions) == 360
    assert (tmp_path / "out" / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_every_example_is_in_the_index():
    index = (ROOT / "docs" / "examples.md").read_text()
    commands = {
        "python": "`python examples/python/{}`",
        "c": "`build/examples/{}",
        "plugins": "`{}`",
    }
    for folder, command in commands.items():
        for path in sorted((ROOT / "examples" / folder).rglob("*.*")):
            if path.suffix not in (".py", ".c", ".cpp", ".swift") or path.name in ("showing.py", "mixed.c"):
                continue
            name = path.relative_to(ROOT / "examples" / folder)
            shown = command.format(name.stem if folder == "c" else name)
            assert shown in index, f"docs/examples.md does not have {shown}"
