"""What a caller may have meant by a name that is not known."""

from __future__ import annotations

from typing import Any, Iterable


def closest(wrong: Any, names: Iterable[str]) -> str:
    """Return the end of a sentence: `; did you mean "units"?`, or a full stop."""
    import difflib  # only after an error: it would slow down every import of denpa

    name = str(wrong)
    known = list(names)
    same = [candidate for candidate in known if candidate.lower() == name.lower()]
    found = same or difflib.get_close_matches(name, known, 1)
    return f'; did you mean "{found[0]}"?' if found else "."
