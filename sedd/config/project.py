"""Build: `config/config.yaml`, or another file for `snakemake --configfile`."""

from __future__ import annotations

from collections.abc import Sequence

from sedd.config.base import ConfigModel, Rule
from sedd.config.values import Name, Names, named_once


def _at_least_one(experiments: Sequence[str], sweeps: Sequence[str]) -> str | None:
    if experiments or sweeps:
        return None
    return "must name at least one experiment, or `sweeps` a file of config/sweeps"


class ProjectConfig(ConfigModel):
    """Experiments to run and tables to make from their results."""

    experiments: Names = ()
    """files of config/experiments, members of sweeps, or recorded runs such as those of `--name`"""
    sweeps: Names = ()
    """files of config/sweeps; each gets a page, results/reports/sweeps/NAME.html"""
    tables: Names = ()
    """files of config/tables"""
    reports: bool = True
    """whether to write a page for each experiment, results/reports/NAME.html"""
    cluster: Name = "local"
    """file of config/cluster that training jobs run on"""

    rules = (
        Rule(("experiments", "sweeps"), _at_least_one),
        Rule(("experiments",), named_once),
        Rule(("sweeps",), named_once),
        Rule(("tables",), named_once),
    )
