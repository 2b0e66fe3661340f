"""Check the templates of `sampling.infill`: they fit the vocabulary, the length and the objective."""

from __future__ import annotations

from sedd.config.alphabet import Alphabet, alphabet_of
from sedd.config.experiment import Experiment
from sedd.config.load import find_tokenizer
from sedd.config.pretrained import AnyExperiment
from sedd.config.queries import text_length
from sedd.config.template import Blank, parse_template
from sedd.errors import ConfigError
from sedd.registry import OBJECTIVES


def template_problems(subject: AnyExperiment) -> list[tuple[int, str]]:
    """(index, problem) of templates that the model cannot fill in.

    As far as the configuration says: a vocabulary that is learned or downloaded is not read.
    """
    if not subject.sampling.infill:
        return []
    tokenizer = subject.data.tokenizer
    try:
        config = find_tokenizer(tokenizer)
    except ConfigError:  # reported with the tokenizer's own file
        config = None
    alphabet = alphabet_of(config) if config else None
    is_bytes = bool(config and config.bytes)
    problems = []
    for index, template in enumerate(subject.sampling.infill):
        parts = parse_template(template)
        texts = [part for part in parts if isinstance(part, str)]
        num_given = sum(_least_tokens(part, tokenizer, alphabet, is_bytes) for part in texts)
        given = (" " if alphabet and alphabet.spaced else "").join(texts)
        found = (
            alphabet and alphabet.problem(given),
            _too_long(subject, parts, num_given),
            _not_a_prefix(subject, parts),
        )
        problems += [(index, f"{template!r}: {one}") for one in found if one]
    return problems


def _least_tokens(text: str, tokenizer: str, alphabet: Alphabet | None, is_bytes: bool) -> int:
    """A lower bound on the number of tokens of a text."""
    if alphabet is not None:
        return len(alphabet.split(text))
    if is_bytes:
        return len(text.encode())
    if tokenizer == "text8":  # spells out digits and joins spaces
        return sum(symbol.isascii() and symbol.isalpha() for symbol in text)
    return 1


def _too_long(subject: AnyExperiment, parts: list[str | Blank], num_given: int) -> str | None:
    sizes = [part.size or 1 for part in parts if isinstance(part, Blank)]  # [] fills the rest
    length = text_length(subject)
    if num_given + sum(sizes) <= length:
        return None
    return (
        f"has at least {num_given} tokens of text and blanks of {sum(sizes)}, but a text has "
        f"{length} tokens: shorten it, or raise sampling.length or data.length"
    )


def _not_a_prefix(subject: AnyExperiment, parts: list[str | Blank]) -> str | None:
    if not isinstance(subject, Experiment) or not OBJECTIVES[subject.objective.type].left_to_right:
        return None
    last_text = max((at for at, part in enumerate(parts) if isinstance(part, str)), default=0)
    if last_text == 0:
        return None
    return (
        f"has text after a blank, but a model of objective.type {subject.objective.type} samples "
        "from left to right: give text at the start alone"
    )
