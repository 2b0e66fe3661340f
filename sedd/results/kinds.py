"""All kinds of results: every module of `sedd.results` that has a `KIND`."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import sedd.results
from sedd.results.kind import Kind


def _find_kinds() -> list[Kind]:
    names = [module.name for module in pkgutil.iter_modules(sedd.results.__path__)]
    modules = [import_module(f"sedd.results.{name}") for name in names]
    kinds = [module.KIND for module in modules if hasattr(module, "KIND")]
    return sorted(kinds, key=lambda kind: kind.position)


# by rule, in the order of `position`; a project may add a kind of its own
KINDS = {kind.rule: kind for kind in _find_kinds()}
