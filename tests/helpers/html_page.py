"""Parse an HTML page into elements, attributes and text, and check that its elements are nested."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from sedd.config import load_experiment
from sedd.report import write_report

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """elements: tag and attributes, in order. words: text nodes by tag of their parent element."""

    def __init__(self, path: Path):
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: dict[str, list[str]] = {}
        self._texts: list[str] = []
        self._open: list[str] = []
        self.feed(self.source)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.words.setdefault(self._open[-1], []).append(data)
            if self._open[-1] not in ("script", "style"):
                self._texts.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def text(self, tag: str) -> str:
        return "\n".join(self.words.get(tag, []))

    def everything(self) -> str:
        """Text of the page without scripts and styles, in order, with single spaces."""
        return " ".join(" ".join(self._texts).split())


def make_page() -> Page:
    """Write and parse the page of the experiment `run`."""
    return Page(write_report(load_experiment("run"), Path("results/reports/run.html")))
