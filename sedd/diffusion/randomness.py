"""Random numbers from an explicit generator, for any device.

Numbers are drawn on the device of the generator and then moved, so that a CPU generator gives the
same run on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self

import torch
from torch import Tensor


class GroupedGenerator(torch.Generator):
    """One generator for each group of consecutive texts in a batch.

    A group draws the same numbers as if it were a batch of its own, whatever the other groups are.
    Pass it to a sampler as its generator. The functions of this module draw by group; PyTorch's own
    functions do not.

    sizes: number of texts (or of rows) of each group.
    """

    def __new__(cls, generators: Sequence[torch.Generator], sizes: Sequence[int]) -> Self:
        # the stub of PyTorch lacks the device
        return super().__new__(cls, generators[0].device)  # pyright: ignore[reportCallIssue]

    def __init__(self, generators: Sequence[torch.Generator], sizes: Sequence[int]):
        self.generators, self.sizes = generators, sizes
        self._group = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))  # (B,)

    def of_texts(self, texts: Tensor) -> GroupedGenerator:
        """The same generators for rows that belong to `texts` (n,), in increasing order."""
        groups = self._group.to(texts.device)[texts]
        sizes = groups.bincount(minlength=len(self.generators)).tolist()
        return GroupedGenerator(self.generators, sizes)

    def draw(
        self,
        draw: Callable[[Sequence[int], torch.Generator], Tensor],
        shape: Sequence[int],
        dim: int,
    ) -> Tensor:
        """Numbers of `shape`; the rows along `dim` belong to the groups, in order.

        Raises ValueError unless there are as many rows as the groups have.
        """
        if shape[dim] != sum(self.sizes):
            raise ValueError(
                f"the groups have {sum(self.sizes)} rows in total, but dimension {dim} has {shape[dim]}"
            )
        parts = [
            draw((*shape[:dim], size, *shape[dim + 1 :]), generator)
            for size, generator in zip(self.sizes, self.generators, strict=True)
            if size
        ]
        return torch.cat(parts, dim) if parts else torch.empty(tuple(shape))


def of_texts(generator: torch.Generator | None, texts: Tensor) -> torch.Generator | None:
    """The generator for draws of rows that belong to `texts` (n,), in increasing order."""
    return generator.of_texts(texts) if isinstance(generator, GroupedGenerator) else generator


def row_chunks(generator: torch.Generator | None, texts: Tensor, size: int) -> list[slice]:
    """Split n rows into slices of at most `size`.

    texts: (n,) index of the text of each row, increasing. With a `GroupedGenerator`, each group is
    split as if it were the whole batch, so that its draws do not depend on the other groups.
    """
    if not isinstance(generator, GroupedGenerator):
        return [slice(at, at + size) for at in range(0, texts.shape[0], size)]
    chunks: list[slice] = []
    start = end = 0
    for count in generator.of_texts(texts).sizes:
        if end > start and end + count - start > size:
            chunks.append(slice(start, end))
            start = end
        end += count
        while end - start > size:
            chunks.append(slice(start, start + size))
            start += size
    return [*chunks, slice(start, end)] if end > start else chunks


def rand(
    shape: Sequence[int],
    generator: torch.Generator | None,
    device: torch.device,
    *,
    dim: int = 0,
    dtype: torch.dtype = torch.float64,
) -> Tensor:
    """Uniform numbers on [0, 1) of the given shape.

    dim: the dimension of texts, or of rows of texts; see `GroupedGenerator`.
    dtype: float32 has steps of 2^-24, a relative error of about 1 % at a probability of 1e-5.
    """
    draw_device = generator.device if generator is not None else device

    def draw(shape: Sequence[int], generator: torch.Generator | None) -> Tensor:
        return torch.rand(tuple(shape), generator=generator, dtype=dtype, device=draw_device)

    return _draw(draw, shape, generator, dim).to(device)


def randint(
    high: int, shape: Sequence[int], generator: torch.Generator | None, device: torch.device
) -> Tensor:
    """Uniform integers in [0, high), int64."""
    draw_device = generator.device if generator is not None else device

    def draw(shape: Sequence[int], generator: torch.Generator | None) -> Tensor:
        return torch.randint(high, tuple(shape), generator=generator, device=draw_device)

    return _draw(draw, shape, generator, 0).to(device)


def _draw(
    draw: Callable[[Sequence[int], torch.Generator | None], Tensor],
    shape: Sequence[int],
    generator: torch.Generator | None,
    dim: int,
) -> Tensor:
    if isinstance(generator, GroupedGenerator):
        return generator.draw(draw, shape, dim)
    return draw(shape, generator)


def poisson(means: Tensor, generator: torch.Generator | None) -> Tensor:
    """Poisson counts with the given means (n,), int64."""
    if isinstance(generator, GroupedGenerator):
        groups = zip(means.split(list(generator.sizes)), generator.generators, strict=True)
        return torch.cat([poisson(part, one) for part, one in groups])
    draw_device = generator.device if generator is not None else means.device
    return torch.poisson(means.to(draw_device), generator).to(means.device, torch.int64)
