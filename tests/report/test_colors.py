from __future__ import annotations

import pytest
from helpers.project import ROOT

from sedd.report.figure.content import COLORS
from sedd.results.trace import DARK, LIGHT


def luminance(color: str) -> float:
    """Relative luminance of an sRGB color, WCAG 2.2."""
    channels = [int(color[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(
    ("paper", "ink", "bands"), [("#ffffff", "#1b1f24", LIGHT), ("#14171a", "#e6e8eb", DARK)]
)
def test_curves_contrast_with_the_page_and_text_with_its_bands(
    paper: str, ink: str, bands: tuple[str, ...]
) -> None:
    css = (ROOT / "sedd/report/templates/page.css").read_text("utf-8")
    assert f"--paper: {paper};" in css
    assert f"--ink: {ink};" in css
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    for color in COLORS:
        assert contrast(color, paper) >= 3, color
    for number, band in enumerate(bands):
        assert f"--band-{number}: {band};" in css
        assert contrast(ink, band) >= 4.5, band
