"""Encode documents into tokens in batches, in one process or several.

The tokens are the same either way.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from sedd.data.token_folder import token_dtype
from sedd.data.tokenizers import Tokenizer
from sedd.errors import DataError
from sedd.registry import DETOKENIZERS

T = TypeVar("T")
BATCH_CHARACTERS = 1 << 19
BATCHES_BEFORE_PROCESSES = 16  # 8 million characters take less time than starting a process
BATCHES_IN_FLIGHT = 3  # per process: no process waits, and memory stays bounded


@dataclass(frozen=True)
class Encoded:
    """Tokens of some consecutive documents, separators included, and the counts behind them."""

    tokens: np.ndarray
    num_read: int
    """documents read from the source"""
    num_documents: int
    """documents that `tokens` contains, one separator each"""
    num_characters: int
    """characters of the normalized text, plus the separators that are characters"""


@dataclass(frozen=True)
class Encoder:
    """Detokenize and encode documents, and append the separator to each."""

    tokenizer: Tokenizer
    detokenizer: str | None

    def __call__(self, texts: list[str]) -> Encoded:
        if self.detokenizer is not None:
            detokenize = DETOKENIZERS[self.detokenizer].load()
            texts = [detokenize(text) for text in texts]
        separator = self.tokenizer.separator_text
        dtype = token_dtype(self.tokenizer.vocab_size)
        arrays, num_characters = [], 0
        for text, ids in zip(texts, self.tokenizer.encode_batch(texts), strict=True):
            # text8 has no two spaces in a row: drop a document without a letter and its separator
            if separator and not ids:
                continue
            ids.append(self.tokenizer.separator_id)
            arrays.append(np.array(ids, dtype=dtype))
            num_characters += len(self.tokenizer.normalize(text)) + len(separator)
        tokens = np.concatenate(arrays) if arrays else np.empty(0, dtype=dtype)
        return Encoded(tokens, len(texts), len(arrays), num_characters)


def encode(
    batches: Iterable[tuple[T, list[str]]], encoder: Encoder, num_processes: int
) -> Iterator[tuple[T, Encoded]]:
    """Yield the tokens of each batch of texts, in order, reading at most a few batches ahead.

    A batch has a label, which comes back with its tokens. Raises DataError if a worker process is
    killed.
    """
    batches = iter(batches)
    first = list(itertools.islice(batches, BATCHES_BEFORE_PROCESSES))
    if num_processes == 1 or len(first) < BATCHES_BEFORE_PROCESSES:
        for label, texts in itertools.chain(first, batches):
            yield label, encoder(texts)
        return
    pending: deque[tuple[T, Future[Encoded]]] = deque()
    # spawn: a forked child would inherit locks held by threads that do not exist in it
    with ProcessPoolExecutor(
        num_processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(encoder,),
    ) as pool:
        try:
            for label, texts in itertools.chain(first, batches):
                pending.append((label, pool.submit(_encode_in_worker, texts)))
                if len(pending) >= BATCHES_IN_FLIGHT * num_processes:
                    label, future = pending.popleft()
                    yield label, future.result()
            while pending:
                label, future = pending.popleft()
                yield label, future.result()
        except BrokenProcessPool as error:
            raise DataError(
                "a tokenizing process was killed, probably because memory ran out; "
                "reduce --processes"
            ) from error
        finally:
            for _, future in pending:
                future.cancel()


class Batch:
    """Texts that become one batch at BATCH_CHARACTERS characters."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._size = 0

    def add(self, text: str) -> bool:
        """Add a text. Returns whether the batch is full."""
        self.texts.append(text)
        self._size += len(text) + 1
        return self._size >= BATCH_CHARACTERS


_worker_encoder: Encoder | None = None


def _start_worker(encoder: Encoder) -> None:
    global _worker_encoder
    # one thread per process: the processes already use all cores
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    _worker_encoder = encoder


def _encode_in_worker(texts: list[str]) -> Encoded:
    assert _worker_encoder is not None
    return _worker_encoder(texts)
