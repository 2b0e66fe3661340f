"""Counted nouns."""


def plural(number: int, noun: str) -> str:
    """`1 step`, `1,400 steps`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
