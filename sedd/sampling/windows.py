"""Texts that are longer than the model: drawn window by window, from left to right.

A window has as many tokens as the model was trained with. Each window begins with the last tokens
of the window before it, keeps them, and draws the rest (semi-autoregressive sampling, Sahoo et al.
2024, arXiv 2406.07524, section 5.1). The last window ends with the text, so it may keep more. Given
tokens stay at their positions; a window sees those inside it.

B texts, L tokens.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sedd.checkpoints.language_model import LanguageModel
from sedd.config import sampling_steps, window_overlap
from sedd.objective.objective import Clamp, OnStep


def window_starts(length: int, window: int, overlap: int) -> list[int]:
    """First positions of the windows of a text; neighbors share `overlap` tokens or more."""
    if length <= window:
        return [0]
    return [*range(0, length - window, window - overlap), length - window]


def draw_windows(
    model: LanguageModel,
    size: int,
    length: int,
    *,
    clamp: Clamp | None,
    generator: torch.Generator,
    on_step: OnStep | None = None,
    calls: Tensor | None = None,
) -> Tensor:
    """Token ids (size, length) of new texts, by the experiment's settings.

    Other arguments as in `LanguageModel.draw`. A text of one window is drawn in one piece.
    """
    window = min(length, model.experiment.data.length)
    drawing = model.drawing(sampling_steps(model.experiment, window))
    tokens, known = torch.zeros(size, length, dtype=torch.long), torch.zeros(size, length).bool()
    if clamp is not None:
        tokens, known = (part.expand(size, length).clone() for part in clamp)
    for start in window_starts(length, window, window_overlap(model.experiment)):
        part = slice(start, start + window)
        if bool(known[:, part].all()):
            continue
        tokens[:, part] = model.draw(
            size,
            window,
            drawing,
            clamp=(tokens[:, part], known[:, part]) if bool(known[:, part].any()) else None,
            generator=generator,
            on_step=on_step,
            calls=calls,
        )
        known[:, part] = True
    return tokens
