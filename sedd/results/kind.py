"""A kind of result: what the build must know to make the results of a checkpoint, and to see which
are out of date.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sedd.config import AnyExperiment, Identity, Keys

Job = dict[str, Any]  # the wildcards of one job, by name


@dataclass(frozen=True)
class Kind:
    """A kind of result of a checkpoint. A module of `sedd.results` describes its kind as `KIND`.

    rule: the Snakemake rule that makes the results. position: of the rule among those of all kinds.
    outputs: paths below results/runs/{experiment}/FOLDER, with wildcards in braces.
    keys: the settings that a result depends on, besides the files that a job reads and the settings
        in the path.
    targets: the settings that decide which results there are.
    jobs: the wildcards of every job of an experiment, with `experiment` among them.
    inputs: the files that a job reads, from the experiment and the wildcards, which are strings.
    at: the experiment with the settings that the wildcards choose.
    """

    rule: str
    position: int
    outputs: tuple[str, ...]
    keys: Keys
    targets: tuple[str, ...]
    jobs: Callable[[AnyExperiment], list[Job]]
    inputs: Callable[[AnyExperiment, Any], list[str]]
    at: Callable[[AnyExperiment, Any], AnyExperiment] = lambda subject, wildcards: subject

    def identity(self, subject: AnyExperiment) -> Identity:
        """The values of `keys`. A change makes every result of the experiment again."""
        return self.keys.identity(subject)
