"""`sedd --help`: the verbs in groups."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from typer.core import TyperGroup

HEADINGS = {
    1: "Data",
    2: "Training",
    3: "Texts and measurements",
    4: "Tables and pages",
    5: "The project",
}
"""By the first digit of the POSITION of a verb's file."""


class VerbsInGroups(TyperGroup):
    """A command whose subcommands are listed under HEADINGS."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        verbs = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        longest = max(map(len, verbs))
        width = formatter.width - 6 - longest
        for number, heading in HEADINGS.items():
            rows = [
                (name.ljust(longest), verb.get_short_help_str(width))
                for name, verb in verbs.items()
                if verb is not None and _group(verb) == number
            ]
            with formatter.section(heading):
                formatter.write_dl(rows)


def _group(verb: Any) -> int:
    """The group of a verb; `config` has no function of its own."""
    module = getattr(verb.callback, "__module__", "")
    return getattr(import_module(module), "POSITION", 50) // 10 if module else 5
