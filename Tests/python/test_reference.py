"""docs/reference says what the library says of its layers, losses, optimizers, schedules and metrics."""

from __future__ import annotations

import subprocess
import sys

import pytest
from denpa import _kinds
from denpa_support import ROOT

SCRIPT = ROOT / "scripts" / "generate_reference.py"


def test_the_pages_are_not_stale():
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("category", _kinds.classes)
def test_every_kind_has_a_section_and_the_readme_names_it(category):
    readme = (ROOT / "README.md").read_text()
    page = (ROOT / "docs" / "reference" / f"{category}.md").read_text()
    for kind, made in _kinds.classes[category].items():
        if made.entry.get("plugin"):
            continue
        assert f"## {kind}\n" in page
        assert f"`{kind}`" in readme or f"`{kind.removesuffix('_uniform')}`" in readme, kind
