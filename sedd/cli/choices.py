"""Options whose values are names of a registry, with help and errors that list them."""

from __future__ import annotations

from typing import Any

import typer

from sedd.config.yaml.describe import must_be_one_of
from sedd.registry import Registry


def choice(registry: Registry[Any], help: str) -> Any:
    """Option that takes a name of `registry`. help: its first sentence; the names follow."""

    def parse(name: str) -> str:
        if name not in registry:
            raise typer.BadParameter(must_be_one_of([*registry], name))
        return name

    described = "; ".join(f"{name}: {info.description}" for name, info in registry.items())
    return typer.Option(
        parser=parse, metavar=f"[{'|'.join(registry)}]", help=f"{help} {described}."
    )
