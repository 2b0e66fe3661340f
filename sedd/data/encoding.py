"""Documents to tokens, batch by batch, in one process or several; the result is the same."""

from __future__ import annotations

import itertools
import multiprocessing
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import numpy as np

from sedd.data.token_folder import token_dtype
from sedd.data.tokenizers import Tokenizer
from sedd.errors import DataError
from sedd.registry import DETOKENIZERS

BATCH_CHARACTERS = 1 << 19
BATCHES_BEFORE_PROCESSES = 16  # 8 million characters are done before a second process has started
BATCHES_IN_FLIGHT = (
    3  # for each process: enough that none waits, few enough that memory stays bounded
)


@dataclass(frozen=True)
class Encoded:
    """A stretch of tokens, separators included, and what it was made of."""

    tokens: np.ndarray
    num_read: int
    """documents taken from the source"""
    num_documents: int
    """of them, those with a separator of their own in `tokens`"""
    num_characters: int
    """of the normalised text, and of the separators where they stand for a character"""


@dataclass(frozen=True)
class Encoder:
    """What is done to a document: detokenise, encode, close with the separator."""

    tokenizer: Tokenizer
    detokenizer: str | None

    def __call__(self, texts: list[str]) -> Encoded:
        if self.detokenizer is not None:
            detokenize = DETOKENIZERS[self.detokenizer].load()
            texts = [detokenize(text) for text in texts]
        mark = self.tokenizer.separator_text
        dtype = token_dtype(self.tokenizer.vocab_size)
        pieces, num_characters = [], 0
        for text, ids in zip(texts, self.tokenizer.encode_batch(texts), strict=True):
            # two spaces in a row are no text8: a document without a letter leaves nothing behind
            if mark and not ids:
                continue
            ids.append(self.tokenizer.separator_id)
            pieces.append(np.array(ids, dtype=dtype))
            num_characters += len(self.tokenizer.normalise(text)) + len(mark)
        tokens = np.concatenate(pieces) if pieces else np.empty(0, dtype=dtype)
        return Encoded(tokens, len(texts), len(pieces), num_characters)


def encode(texts: Iterable[str], encoder: Encoder, num_processes: int) -> Iterator[Encoded]:
    """Yield the tokens of `texts`, in their order, while reading only a few batches ahead."""
    batches = _batches(texts)
    first = list(itertools.islice(batches, BATCHES_BEFORE_PROCESSES))
    if num_processes == 1 or len(first) < BATCHES_BEFORE_PROCESSES:
        yield from map(encoder, itertools.chain(first, batches))
        return
    pending: deque[Future[Encoded]] = deque()
    # spawn: a forked child would inherit the locks of threads that it does not have
    with ProcessPoolExecutor(
        num_processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(encoder,),
    ) as pool:
        try:
            for batch in itertools.chain(first, batches):
                pending.append(pool.submit(_encode_in_worker, batch))
                if len(pending) >= BATCHES_IN_FLIGHT * num_processes:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        except BrokenProcessPool as error:
            raise DataError(
                "a tokenising process was killed, most often for want of memory; use fewer processes"
            ) from error
        finally:
            for future in pending:
                future.cancel()


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text) + 1
        if size >= BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


_worker_encoder: Encoder | None = None


def _start_worker(encoder: Encoder) -> None:
    global _worker_encoder
    # the processes are the parallelism; threads within them would only compete
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    _worker_encoder = encoder


def _encode_in_worker(texts: list[str]) -> Encoded:
    assert _worker_encoder is not None
    return _worker_encoder(texts)
