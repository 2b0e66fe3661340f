"""What a build computes: `config/config.yaml` and its siblings."""

from __future__ import annotations

from collections.abc import Sequence

from sedd.config.settings import Name, Names, Rule, Settings, named_once


def _some(experiments: Sequence[str]) -> str | None:
    return (
        None
        if experiments
        else "must name at least one file of config/experiments; got an empty list"
    )


class ProjectConfig(Settings):
    """Experiments to run, and tables to make of them."""

    experiments: Names
    """files of config/experiments"""
    tables: Names = ()
    """files of config/tables"""
    reports: bool = True
    """whether each experiment gets its page"""
    cluster: Name = "local"
    """a file of config/cluster: where training runs"""

    rules = (
        Rule(("experiments",), _some),
        Rule(("experiments",), named_once),
        Rule(("tables",), named_once),
    )
