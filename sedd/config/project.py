"""Build: `config/config.yaml`, or another file for `snakemake --configfile`."""

from __future__ import annotations

from collections.abc import Sequence

from sedd.config.base import ConfigModel, Rule
from sedd.config.values import Name, Names, named_once


def _at_least_one(experiments: Sequence[str]) -> str | None:
    if experiments:
        return None
    return "must name at least one file of config/experiments; got an empty list"


class ProjectConfig(ConfigModel):
    """Experiments to run and tables to make from their results."""

    experiments: Names
    """files of config/experiments"""
    tables: Names = ()
    """files of config/tables"""
    reports: bool = True
    """whether to write a page for each experiment, results/reports/NAME.html"""
    cluster: Name = "local"
    """file of config/cluster that training jobs run on"""

    rules = (
        Rule(("experiments",), _at_least_one),
        Rule(("experiments",), named_once),
        Rule(("tables",), named_once),
    )
