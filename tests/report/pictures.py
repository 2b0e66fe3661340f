"""Create the README's pictures: `PYTHONPATH=tests python tests/report/pictures.py`.

Run it in the folder of the default build. Needs a browser; see tests/report/install_browser.sh.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from helpers.browser import open_browser
from PIL import Image

FOLDER = Path("workflow/report")
WIDTH, HEIGHT = 1000, 940


def main() -> None:
    shutil.copy(
        max(Path("results/runs/tiny_wiki/samples").rglob("trace_*.gif")),
        FOLDER / "denoise.gif",
    )
    with contextlib.contextmanager(open_browser)() as browser:
        browser.open(Path("results/reports/tiny_absorb.html"), width=WIDTH, height=HEIGHT)
        browser.run("document.documentElement.style.overflow = 'hidden'")
        picture = Image.fromarray(browser.picture())
    image = picture.quantize(colors=255, dither=Image.Dither.NONE)
    image.save(FOLDER / "page.png", optimize=True)


if __name__ == "__main__":
    main()
