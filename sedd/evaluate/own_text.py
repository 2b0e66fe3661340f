"""The likelihood of a user's own texts, packed as a dataset is, or document by document."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sedd.checkpoints.language_model import LanguageModel
from sedd.config import AnyExperiment, measuring_seed
from sedd.data.encoding import Encoder
from sedd.data.text_files import STDIN, Document, texts_sha256
from sedd.data.tokenizers import Tokenizer, load_tokenizer
from sedd.errors import DataError
from sedd.evaluate.passages import Nats, Passage, passage_nats, repeats_and_draws
from sedd.results.own_text import KEYS, DocumentNats, OwnTextResult
from sedd.results.spelled import perplexity_of, product
from sedd.results.standard_error import group_error, group_means, ratio_error
from sedd.runtime.distributed import World
from sedd.runtime.resumable import partial_folder


@dataclass(frozen=True)
class OwnText:
    """Documents as token sequences of at most the model's length.

    counts: sequences of each document, if each is scored by itself; None: they are packed.
    """

    documents: Sequence[Document]
    sequences: Sequence[Sequence[int]]
    counts: Sequence[int] | None
    characters: Sequence[int]

    @property
    def files(self) -> list[str]:
        return list(dict.fromkeys(document.file for document in self.documents))


def encode_texts(
    experiment: AnyExperiment, documents: Sequence[Document], *, per_document: bool
) -> OwnText:
    """The documents in the experiment's vocabulary and length, before a model is opened.

    per_document: split a longer document into windows of that length, without overlap.
    Raises DataError if no document has a token in this vocabulary.
    """
    length, tokenizer = experiment.data.length, load_tokenizer(experiment.data.tokenizer)
    texts = [document.text for document in documents]
    if experiment.data.blocks == "padded" and not per_document:
        raise DataError(
            f"{experiment.name}: its sequences are single documents (data.blocks padded), so that "
            "documents cannot be packed; add --per-document"
        )
    if per_document:
        token_ids = tokenizer.encode_batch(texts)
        windows = [blocks(tokens, length) for tokens in token_ids]
        text = OwnText(
            documents,
            [window for of_document in windows for window in of_document],
            [len(of_document) for of_document in windows],
            count_characters(tokenizer, texts),
        )
    else:
        encoded = Encoder(tokenizer, None)(texts)
        sequences = blocks(encoded.tokens.tolist(), length)
        text = OwnText(documents, sequences, None, [encoded.num_characters])
    if not text.sequences:
        raise DataError(
            f"{', '.join(text.files)}: no document has a token in the vocabulary {tokenizer.name!r}"
        )
    return text


def blocks(tokens: Sequence[int], length: int) -> list[Sequence[int]]:
    """Consecutive parts of `length` tokens; the last may be shorter."""
    return [tokens[at : at + length] for at in range(0, len(tokens), length)]


def count_characters(tokenizer: Tokenizer, texts: Sequence[str]) -> list[int]:
    """Characters of each text in the vocabulary's normal form."""
    return [len(tokenizer.normalize(text)) for text in texts]


def measure_own_text(
    model: LanguageModel, text: OwnText, path: Path, world: World | None = None
) -> tuple[OwnTextResult, list[DocumentNats]]:
    """The likelihood of all texts, and of each document if they are scored one by one.

    path: of the result; finished batches are kept beside it until they are removed. The values are
    the same in every process.
    """
    experiment, world = model.experiment, world or World(model.device)
    identity = KEYS.identity(experiment)
    nats, seconds = passage_nats(
        model,
        [Passage(tokens, draws=index) for index, tokens in enumerate(text.sequences)],
        seed=measuring_seed(experiment),
        title=f"perplexity {experiment.name} on {', '.join(text.files)}",
        unit="sequence",
        world=world,
        folder=partial_folder(path),
        identity=identity,
    )
    documents = document_nats(text, nats)
    units = [(one.nats, one.tokens) for one in documents if one.tokens] or [
        (one.nats, len(tokens)) for one, tokens in zip(nats, text.sequences, strict=True)
    ]
    sums = np.array(units, dtype=np.float64).T
    error = ratio_error(*sums) if documents else group_error(*sums)
    mean = float(sums[0].sum() / sums[1].sum())
    num_tokens, num_characters = sum(map(len, text.sequences)), sum(text.characters)
    bits = num_tokens / num_characters / math.log(2)
    draws = 1 if model.is_exact else math.prod(repeats_and_draws(experiment.evaluation.num_draws))
    result = OwnTextResult(
        experiment=experiment.name,
        step=model.step,
        files=text.files,
        texts_sha256=texts_sha256([document.text for document in text.documents]),
        per_document=text.counts is not None,
        length=experiment.data.length,
        tokenizer=experiment.data.tokenizer,
        bound=not model.is_exact,
        estimator="exact" if model.is_exact else experiment.evaluation.estimator,
        nats_per_token=mean,
        standard_error=error,
        perplexity=perplexity_of(mean),
        bits_per_character=mean * bits,
        bits_per_character_standard_error=product(error, bits),
        group_nats_per_token=None if documents else group_means(*sums).tolist(),
        num_documents=len(text.documents),
        num_split=sum(count > 1 for count in text.counts or ()),
        num_sequences=len(text.sequences),
        num_tokens=num_tokens,
        num_characters=num_characters,
        num_draws=draws,
        num_processes=world.size,
        provenance=model.provenance(identity, measuring_seed(experiment), seconds),
    )
    return result, documents


def document_nats(text: OwnText, nats: Sequence[Nats]) -> list[DocumentNats]:
    """The sum over the windows of each document; empty if documents are packed."""
    results, at = [], 0
    for index, count in enumerate(text.counts or ()):
        windows = nats[at : at + count]
        results.append(
            DocumentNats(
                index=index,
                file=text.documents[index].file,
                line=text.documents[index].line,
                nats=sum(one.nats for one in windows),
                standard_error=math.hypot(*(one.standard_error for one in windows)),
                tokens=sum(len(tokens) for tokens in text.sequences[at : at + count]),
                characters=text.characters[index],
                windows=count,
                text=text.documents[index].text,
            )
        )
        at += count
    return results


def files_name(files: Sequence[str]) -> str:
    """A name for the result of some files, of letters, digits and _ . + - only."""
    stems = ["stdin" if file == STDIN else Path(file).stem for file in files]
    return re.sub(r"[^A-Za-z0-9_.+]+", "-", "+".join(stems))[:100].lstrip(".-") or "texts"
