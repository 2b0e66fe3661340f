"""A trace as an animated GIF: the text from noise to its end, in light colours, each token in that of its step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sedd.results.trace import LIGHT, Palette, Trace
from sedd.runtime.atomic import replacing

WIDTH, MARGIN, SIZE, LINE = 760, 16, 15, 22  # pixels
HEAD = 44  # pixels above the text
FRAMES = 60
MILLISECONDS, PAUSE = 90, 3000  # a frame; the last one
INK, QUIET, PAPER, MASKED, GIVEN = "#1b1f24", "#57606a", "#ffffff", "#d5dae0", "#f0d5f5"


@dataclass(frozen=True)
class _Box:
    """Where a position is drawn: a run of columns on one line; a piece that is wrapped has several."""

    position: int
    row: int
    column: int
    text: str


def write_gif(trace: Trace, path: Path) -> Path:
    """Write the animation, whole or not at all, and return its path. At most FRAMES frames, spread over the steps."""
    count = min(FRAMES, trace.num_steps + 1)
    shown = np.linspace(0, trace.num_steps, count).round().astype(int).tolist()
    states, palette = trace.states(), Palette(trace.num_steps)
    font = _font()
    columns = int((WIDTH - 2 * MARGIN) // font.getlength("m"))
    layouts = [_lay_out(trace, states[step], states[-1], columns) for step in shown]
    height = HEAD + MARGIN + LINE * (1 + max(box.row for boxes in layouts for box in boxes))
    pictures = [
        _draw(trace, states[step], step, boxes, height, palette)
        for step, boxes in zip(shown, layouts, strict=True)
    ]
    colours = _together(pictures[0], pictures[count // 2], pictures[-1]).quantize(colors=128)
    frames = [picture.quantize(palette=colours, dither=Image.Dither.NONE) for picture in pictures]
    with replacing(path) as temporary:
        frames[0].save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=frames[1:],
            duration=[MILLISECONDS] * (count - 1) + [PAUSE],
            loop=0,
            optimize=True,
        )
    return path


def _lay_out(trace: Trace, state: list[int], end: list[int], columns: int) -> list[_Box]:
    """Break the text into lines. A mask is as wide as the token that will stand there, so that nothing jumps."""
    boxes, row, column = [], 0, 0
    for position, piece in enumerate(state):
        text = trace.pieces[piece]
        text = trace.pieces[end[position]] if text is None else text
        for part_number, part in enumerate((text or " ").split("\n")):
            if part_number:
                row, column = row + 1, 0
            while part:
                if column == columns:
                    row, column = row + 1, 0
                fits = part[: columns - column]
                boxes.append(_Box(position, row, column, fits))
                part, column = part[len(fits) :], column + len(fits)
    return boxes


def _draw(
    trace: Trace, state: list[int], step: int, boxes: list[_Box], height: int, palette: Palette
) -> Image.Image:
    image = Image.new("RGB", (WIDTH, height), PAPER)
    pen, font = ImageDraw.Draw(image), _font()
    wide = font.getlength("m")
    about, settled, given = trace.about, trace.settled(), trace.given()
    title = f"{about.experiment}: step {step} of {trace.num_steps}"
    pen.text((MARGIN, 10), title, fill=QUIET, font=font)
    length = (WIDTH - 2 * MARGIN) * step / max(trace.num_steps, 1)
    pen.rectangle((MARGIN, 33, WIDTH - MARGIN, 35), fill=MASKED)
    pen.rectangle((MARGIN, 33, MARGIN + length, 35), fill="#0b5fd0")
    for box in boxes:
        left, top = MARGIN + box.column * wide, HEAD + box.row * LINE
        place = (left, top, left + len(box.text) * wide - 2, top + LINE - 3)
        at, is_mask = box.position, trace.pieces[state[box.position]] is None
        if is_mask:
            pen.rectangle(place, fill=MASKED)
            continue
        if given[at]:
            pen.rectangle(place, fill=GIVEN)
        elif 0 < settled[at] <= step:
            pen.rectangle(place, fill=LIGHT[palette.band(settled[at])])
        is_final = given[at] or settled[at] <= step
        pen.text((left, top), box.text, fill=INK if is_final else QUIET, font=font)
    return image


def _together(*pictures: Image.Image) -> Image.Image:
    """Below one another: what the common palette is chosen by."""
    width, height = pictures[0].size
    sheet = Image.new("RGB", (width, height * len(pictures)))
    for number, picture in enumerate(pictures):
        sheet.paste(picture, (0, number * height))
    return sheet


def _font() -> ImageFont.FreeTypeFont:
    """DejaVu Sans Mono, which comes with matplotlib."""
    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(str(folder / "DejaVuSansMono.ttf"), SIZE)
