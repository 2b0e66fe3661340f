"""One line per result, for the terminal."""

from __future__ import annotations

from typing import Any


def summary_line(content: dict[str, Any]) -> str:
    """Summarize the JSON content of a perplexity, generative perplexity or MAUVE result."""
    if "mauve" in content:
        error = content["standard_error"]
        spread = "" if error is None else f" ± {error:.3f}"
        return f"MAUVE {content['mauve']:.3f}{spread}, {content['num_references']} real texts"
    if "corpus_perplexity" in content:
        return generative_line(content)
    sign = "<= " if content["bound"] else ""
    return (
        f"perplexity {sign}{content['perplexity']:.2f}, "
        f"{sign}{content['bits_per_character']:.3f} bits per character "
        f"(± {content['bits_per_character_standard_error']:.3f})"
    )


def generative_line(content: dict[str, Any]) -> str:
    """Summarize the JSON content of a generative perplexity."""
    return (
        f"generative perplexity {content['mean_sequence_perplexity']:.2f} ± "
        f"{content['mean_sequence_perplexity_standard_error']:.2f} (mean over texts), "
        f"{content['corpus_perplexity']:.2f} ± "
        f"{content['corpus_perplexity_standard_error']:.2f} (corpus), "
        f"entropy {content['entropy_nats']:.3f} nats, {content['num_sequences']} texts"
    )
