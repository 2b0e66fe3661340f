"""Tensors of a published model: checked against its configuration before a network is built."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sedd.checkpoints.formats.published import PublishedConfig
from sedd.errors import CheckpointError

BUFFERS = ("rotary_emb.inv_freq",)  # computed, not learned
BLOCK = re.compile(r"blocks\.(\d+)\.")
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
LISTED = 6  # problems in a message


def named_tensors(content: Any, path: Path) -> dict[str, Tensor]:
    """A mapping from names to tensors, as a file holds it. Raises CheckpointError."""
    if not isinstance(content, Mapping) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in content.items()
    ):
        raise CheckpointError(
            f"{path}: holds no mapping from names to tensors; download the model again, or name another folder"
        )
    return dict(content)


def averaged_weights(
    ema: Any, weights: Iterable[str], config: PublishedConfig, path: Path
) -> dict[str, Tensor]:
    """The averaged weights of a training checkpoint.

    ema: its entry `ema`, of which `shadow_params` is a list in the order of the parameters.
    weights: names of the tensors in the checkpoint, in their order, if it has the weights as well.
    Raises CheckpointError if there is no average.
    """
    shadow = ema.get("shadow_params") if isinstance(ema, Mapping) else None
    if not isinstance(shadow, Sequence):
        raise CheckpointError(f"{path}: has no averaged weights (ema.shadow_params)")
    expected = weights if weights else [config.prefix + name for name in config.shapes()]
    names = [name for name in expected if not name.endswith(BUFFERS)]
    if len(shadow) != len(names):
        raise CheckpointError(
            f"{path}: the average has {len(shadow)} tensors, the network {len(names)} parameters"
        )
    return named_tensors(dict(zip(names, shadow, strict=True)), path)


def check_tensors(
    tensors: Mapping[str, Tensor], config: PublishedConfig, path: Path
) -> dict[str, Tensor]:
    """The parameters, by their names without the prefix.

    Raises CheckpointError, with the first problems, unless names and shapes are exactly those that
    the configuration states. A network as large as the configuration says is built only after this
    check, so it takes no more memory than the file.
    """
    own = {
        name.removeprefix(config.prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(config.prefix) and not name.endswith(BUFFERS)
    }
    blocks = {match[1] for name in own if (match := BLOCK.match(name))}
    if len(blocks) != config.num_blocks:
        raise CheckpointError(
            f"{path}: weights do not fit the network: {len(blocks)} blocks, but the configuration "
            f"says {config.num_blocks}"
        )
    expected = config.shapes()
    problems = [
        f"{config.prefix}{name}: expected {shape}, found {shape_of(own.get(name))}"
        for name, shape in expected.items()
        if shape_of(own.get(name)) != shape
    ]
    foreign = [
        name
        for name in tensors
        if name.removeprefix(config.prefix) not in expected and not name.endswith(BUFFERS)
    ]
    problems += [f"{name}: {config.family} has no such tensor" for name in foreign]
    problems += [
        f"{config.prefix}{name}: {problem}"
        for name, tensor in own.items()
        if (problem := unusable(tensor))
    ]
    if problems:
        more = len(problems) - LISTED
        lines = problems[:LISTED] + ([f"and {more} more"] if more > 0 else [])
        raise CheckpointError(f"{path}: weights do not fit the network:\n  " + "\n  ".join(lines))
    return own


def shape_of(tensor: Tensor | None) -> tuple[int, ...] | None:
    return None if tensor is None else tuple(tensor.shape)


def unusable(tensor: Tensor) -> str | None:
    """Why a tensor cannot be a weight; None if it can. Every model that is opened is asked this.

    Reads the numbers, for NaN and infinity.
    """
    if tensor.dtype not in FLOATS:
        return f"must hold floating-point numbers of 16 bits or more, found {tensor.dtype}"
    if tensor.layout != tensor.new_empty(0).layout or tensor.is_meta:
        return "holds no numbers"
    if tensor.untyped_storage().nbytes() < tensor.numel() * tensor.element_size():
        return "claims more numbers than the file holds"  # one number under a stride of 0
    if tensor.numel() and not all_finite(tensor):
        return "holds numbers that are not finite (NaN or infinity)"
    return None


def all_finite(tensor: Tensor) -> bool:
    """Whether a tensor with elements has no NaN and no infinity. One pass, no copy."""
    return bool(torch.stack(torch.aminmax(tensor.detach())).isfinite().all())
