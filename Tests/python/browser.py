"""Pages in headless Chromium: what a script finds in a page, what the console says, and screenshots.

Run by itself it takes screenshots: python Tests/python/browser.py PAGE.html FOLDER
"""

from __future__ import annotations

import functools
import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PROGRAM = next(filter(None, map(shutil.which, NAMES)), None)

# Tells what has gone wrong, and what a test's function returned, in an element that --dump-dom shows.
BEFORE = """<script>
window.wrong = [];
addEventListener("error", (event) => wrong.push(String(event.message || event.target.src || event.target.href)), true);
addEventListener("unhandledrejection", (event) => wrong.push(String(event.reason)));
addEventListener("securitypolicyviolation", (event) => wrong.push("policy: " + event.blockedURI));
</script>
"""
AFTER = """<script>
addEventListener("load", async () => {{
  let found = null;
  try {{ found = await (async () => {{ {script} }})(); }} catch (error) {{ wrong.push(String(error.stack)); }}
  const told = document.createElement("pre");
  told.id = "told";
  told.textContent = JSON.stringify({{ found, wrong, wide: document.documentElement.scrollWidth }});
  top.document.body.append(top.document.adoptNode(told));
}});
</script>
"""


# Windows are at least 500 wide: a narrower page is in a frame.
FRAME = """<!DOCTYPE html><meta charset="utf-8"><body style="margin:0">
<iframe style="border:0" width="{width}" height="900" srcdoc="{page}"></iframe></body>
"""
NARROWEST = 500


@functools.cache
def why_not() -> str | None:
    """Why there is no browser here; None if there is one."""
    if PROGRAM is None:
        return "no Chromium is installed"
    with tempfile.TemporaryDirectory() as folder:
        blank = Path(folder) / "blank.html"
        blank.write_text("<!DOCTYPE html><title>x</title><p id=here>")
        done = chromium(blank, "--dump-dom")
    return None if 'id="here"' in done.stdout else f"Chromium does not run here: {done.stderr[-300:]}"


def require() -> None:
    reason = why_not()
    if reason:
        pytest.skip(reason)


def chromium(
    page: Path, *arguments: str, width: int = 1440, height: int = 1000, dark: bool = False
) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory() as profile:
        command = [
            str(PROGRAM),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--no-first-run",
            "--enable-logging=stderr",
            f"--user-data-dir={profile}",
            f"--window-size={width},{height}",
            f"--blink-settings=preferredColorScheme={0 if dark else 1}",
            "--virtual-time-budget=8000",
            *arguments,
            page.resolve().as_uri(),
        ]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, errors="replace")


def look(text: str, script: str, width: int = 1440, dark: bool = False):
    """What the body of a function returns in a page that has loaded. Nothing may go wrong in it."""
    require()
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        head, body = text.split("<style>", 1)
        whole = head + BEFORE + "<style>" + body.replace("</body>", AFTER.format(script=script) + "</body>")
        if width < NARROWEST:
            whole = FRAME.format(width=width, page=html.escape(whole, quote=True))
        page.write_text(whole, encoding="utf-8")
        done = chromium(page, "--dump-dom", width=width, dark=dark)
    told = re.search(r'<pre id="told">(.*?)</pre>', done.stdout, re.DOTALL)
    assert told, done.stderr[-2000:]
    answer = json.loads(html.unescape(told[1]))
    assert answer["wrong"] == [], answer["wrong"]
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert said == [], said
    assert answer["wide"] <= width, f"the page is {answer['wide']} wide"
    return answer["found"]


def screenshots(page: Path, folder: Path) -> None:
    """Take pictures of a page in light and dark, 360 and 1440 wide."""
    for dark in (False, True):
        for width, height in ((360, 3000), (1440, 1600)):
            path = folder / f"{page.stem}_{'dark' if dark else 'light'}_{width}.png"
            chromium(page, f"--screenshot={path}", width=width, height=height, dark=dark)
            print(path)


if __name__ == "__main__":
    screenshots(Path(sys.argv[1]), Path(sys.argv[2]))
