"""A trace as an animated GIF: the text from noise to its final state.

The color of a token shows the step at which it became final.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sedd.results.trace import LIGHT, Palette, Trace
from sedd.runtime.atomic import replacing

# pixels
WIDTH, MARGIN, FONT_SIZE, LINE_HEIGHT = 760, 16, 15, 22
HEADER_HEIGHT = 44
MAX_FRAMES = 60
FRAME_MS, LAST_FRAME_MS = 90, 3000
INK, QUIET, PAPER, MASKED, GIVEN = "#1b1f24", "#57606a", "#ffffff", "#d5dae0", "#f0d5f5"
BAR = "#0b5fd0"


@dataclass(frozen=True)
class _Box:
    """A token, or one line of a token that is wrapped or holds newlines."""

    position: int
    row: int
    column: int
    text: str


def write_gif(trace: Trace, path: Path) -> Path:
    """Write the animation atomically and return its path.

    It has at most MAX_FRAMES frames, spread evenly over the denoising steps.
    """
    count = min(MAX_FRAMES, trace.num_steps + 1)
    steps = np.linspace(0, trace.num_steps, count).round().astype(int).tolist()
    states, palette = trace.states(), Palette(trace.num_steps)
    columns = int((WIDTH - 2 * MARGIN) // _font().getlength("m"))
    layouts = [_lay_out(trace, states[step], states[-1], columns) for step in steps]
    num_rows = 1 + max(box.row for boxes in layouts for box in boxes)
    height = HEADER_HEIGHT + MARGIN + LINE_HEIGHT * num_rows
    images = [
        _draw(trace, states[step], step, boxes, height, palette)
        for step, boxes in zip(steps, layouts, strict=True)
    ]
    colors = _stack(images[0], images[count // 2], images[-1]).quantize(colors=128)
    frames = [image.quantize(palette=colors, dither=Image.Dither.NONE) for image in images]
    with replacing(path) as temporary:
        frames[0].save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=frames[1:],
            duration=[FRAME_MS] * (count - 1) + [LAST_FRAME_MS],
            loop=0,
            optimize=True,
        )
    return path


def _lay_out(trace: Trace, state: list[int], final: list[int], columns: int) -> list[_Box]:
    """Break the text into lines. A mask is as wide as its final token: the text does not move."""
    boxes, row, column = [], 0, 0
    for position, piece in enumerate(state):
        text = trace.pieces[piece]
        text = trace.pieces[final[position]] if text is None else text
        for line_number, rest in enumerate((text or " ").split("\n")):
            if line_number:
                row, column = row + 1, 0
            while rest:
                if column == columns:
                    row, column = row + 1, 0
                part = rest[: columns - column]
                boxes.append(_Box(position, row, column, part))
                rest, column = rest[len(part) :], column + len(part)
    return boxes


def _draw(
    trace: Trace, state: list[int], step: int, boxes: list[_Box], height: int, palette: Palette
) -> Image.Image:
    image = Image.new("RGB", (WIDTH, height), PAPER)
    pen, font = ImageDraw.Draw(image), _font()
    char_width = font.getlength("m")
    settled, given = trace.settled(), trace.given()
    title = f"{trace.about.experiment}: step {step} of {trace.num_steps}"
    pen.text((MARGIN, 10), title, fill=QUIET, font=font)
    progress = (WIDTH - 2 * MARGIN) * step / max(trace.num_steps, 1)
    pen.rectangle((MARGIN, 33, WIDTH - MARGIN, 35), fill=MASKED)
    pen.rectangle((MARGIN, 33, MARGIN + progress, 35), fill=BAR)
    for box in boxes:
        left, top = MARGIN + box.column * char_width, HEADER_HEIGHT + box.row * LINE_HEIGHT
        area = (left, top, left + len(box.text) * char_width - 2, top + LINE_HEIGHT - 3)
        at = box.position
        if trace.pieces[state[at]] is None:
            pen.rectangle(area, fill=MASKED)
            continue
        if given[at]:
            pen.rectangle(area, fill=GIVEN)
        elif 0 < settled[at] <= step:
            pen.rectangle(area, fill=LIGHT[palette.band(settled[at])])
        is_final = given[at] or settled[at] <= step
        pen.text((left, top), box.text, fill=INK if is_final else QUIET, font=font)
    return image


def _stack(*images: Image.Image) -> Image.Image:
    """Images below one another, to choose one palette for all frames."""
    width, height = images[0].size
    sheet = Image.new("RGB", (width, height * len(images)))
    for number, image in enumerate(images):
        sheet.paste(image, (0, number * height))
    return sheet


def _font() -> ImageFont.FreeTypeFont:
    """DejaVu Sans Mono, which Matplotlib ships.

    Each character is drawn by itself: Raqm, the other way, fails on separators such as \\r, which
    an untrained model writes.
    """
    path = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSansMono.ttf"
    return ImageFont.truetype(str(path), FONT_SIZE, layout_engine=ImageFont.Layout.BASIC)
