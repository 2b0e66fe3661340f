"""Questions to an experiment: its checkpoints, samples and tokens."""

from __future__ import annotations

import itertools

from sedd.config.experiment import Experiment
from sedd.config.pretrained import STEP, AnyExperiment, Pretrained
from sedd.config.sections.generative import JudgedMauve
from sedd.config.sections.grid_sampler import SamplerPoint, point_of
from sedd.config.sections.mauve import Mauve
from sedd.config.sections.sampling import fits_graph
from sedd.config.values import DrawPrecision
from sedd.errors import ConfigError, Problem
from sedd.registry import GRAPHS, OBJECTIVES, SAMPLERS

DrawSetting = tuple[str, int, DrawPrecision]  # label of a sampler, steps, precision
TokenSplit = tuple[str, str, str]  # dataset, tokenizer, split: a folder of results/data


def checkpoint_steps(experiment: Experiment) -> list[int]:
    """Steps with a checkpoint, in order: multiples of checkpoint_every, and the last step."""
    training = experiment.training
    steps = list(range(training.checkpoint_every, training.steps + 1, training.checkpoint_every))
    return steps if steps and steps[-1] == training.steps else [*steps, training.steps]


def measured_steps(subject: AnyExperiment) -> list[int]:
    """Steps of all checkpoints; a pretrained model has one."""
    return [STEP] if isinstance(subject, Pretrained) else checkpoint_steps(subject)


def evaluated_steps(subject: AnyExperiment) -> list[int]:
    """Steps of the checkpoints that are sampled and measured: all, or the last."""
    steps = measured_steps(subject)
    return steps[-1:] if subject.evaluation.checkpoints == "last" else steps


def scales_by_sigma(experiment: Experiment) -> bool:
    """Whether the network scales its scores by the noise level, as published absorbing models do.

    If so, it subtracts log(e^sigma - 1) + log(V - 1) from every log score.
    """
    if (chosen := experiment.model.scale_by_sigma) is not None:
        return chosen
    graph, objective = experiment.graph, OBJECTIVES[experiment.objective.type]
    return objective.predicts_scores and graph is not None and GRAPHS[graph.type].has_mask


def text_length(subject: AnyExperiment) -> int:
    """Tokens per sample."""
    return subject.sampling.length or subject.data.length


def window_overlap(subject: AnyExperiment) -> int:
    """Tokens that a window of a long text keeps from the window before it."""
    overlap = subject.sampling.overlap
    return subject.data.length // 4 if overlap is None else overlap


def sampling_steps(subject: AnyExperiment, length: int | None = None) -> int:
    """Steps of the sampler for a text of `length` tokens, by default `text_length`, as in the name
    of a file of samples.
    """
    sampling = subject.sampling
    return _steps(sampling.sampler, sampling.steps, length or text_length(subject))


def grid_samplers(subject: AnyExperiment) -> dict[str, SamplerPoint]:
    """The samplers to compare, by their labels (`Sampling.label`).

    Samplers that do not fit the graph are left out, so that an experiment can get another graph.
    """
    points = [point_of(sampler) for sampler in subject.generative.samplers]
    graph = getattr(subject, "graph", None)  # unknown for a pretrained model
    if graph is not None:
        denoise = subject.sampling.denoise
        points = [one for one in points if not fits_graph(one.sampler, graph.type, denoise)]
    return {subject.sampling.label(point.sampler, point.given()): point for point in points}


def sampler_at(subject: AnyExperiment, label: str) -> SamplerPoint:
    """The sampler with this label; a plain name is a label of its own. Raises ConfigError."""
    if label in SAMPLERS:
        return SamplerPoint(sampler=label)
    points = grid_samplers(subject)
    if label not in points:
        known = ", ".join(dict.fromkeys([*points, *SAMPLERS]))
        what = f"has no sampler {label!r}; known: {known}"
        raise ConfigError(subject.name, [Problem("generative.samplers", what)])
    return points[label]


def base_sampler(label: str) -> str:
    """The name of the sampler that a label begins with."""
    return max((name for name in SAMPLERS if f"{label}_".startswith(f"{name}_")), key=len)


def draw_settings(subject: AnyExperiment) -> list[DrawSetting]:
    """Label of the sampler, steps and precision of all samples to judge, each combination once."""
    generative, length = subject.generative, text_length(subject)
    if not generative.steps:
        return []
    points = grid_samplers(subject).items()
    grid = itertools.product(points, generative.steps, generative.precisions)
    return list(
        dict.fromkeys(
            (label, _steps(point.sampler, steps, length), precision)
            for (label, point), steps, precision in grid
        )
    )


def _steps(sampler: str, steps: int, length: int) -> int:
    return length if SAMPLERS[sampler].one_step_per_token else steps


def training_dataset(subject: AnyExperiment) -> str | None:
    """Dataset of the training; None for a pretrained model."""
    return None if isinstance(subject, Pretrained) else subject.data.dataset


def reference_tokens(subject: AnyExperiment) -> TokenSplit:
    """Real texts for MAUVE of texts around given parts (section `mauve`)."""
    return _real_texts(subject, subject.mauve)


def judged_reference_tokens(subject: AnyExperiment) -> TokenSplit | None:
    """Real texts for MAUVE of the judged texts (`generative.mauve`); None if none is measured."""
    generative = subject.generative
    wanted = generative.mauve if generative.steps else None
    return None if wanted is None else _real_texts(subject, wanted)


def _real_texts(subject: AnyExperiment, chosen: Mauve | JudgedMauve) -> TokenSplit:
    dataset = chosen.dataset or training_dataset(subject)
    assert dataset is not None, "ensured by a rule of the configuration"
    return dataset, subject.data.tokenizer, chosen.split


def measuring_seed(subject: AnyExperiment) -> int:
    """Seed of samples and measurements."""
    chosen = subject.evaluation.seed
    return subject.seed if chosen is None else chosen


def measured_split(subject: AnyExperiment) -> str:
    """Split of the measured datasets: `test`, or the name of another evaluation.protocol."""
    protocol = subject.evaluation.protocol
    return "test" if protocol == "standard" else protocol


def needed_tokens(subject: AnyExperiment) -> list[TokenSplit]:
    """All splits for training and measurements, each once."""
    return list(dict.fromkeys([*training_tokens(subject), *measuring_tokens(subject)]))


def training_tokens(subject: AnyExperiment) -> list[TokenSplit]:
    """Splits for training and validation; empty for a pretrained model."""
    name = training_dataset(subject)
    splits = ("train", "validation") if name is not None else ()
    return [(name or "", subject.data.tokenizer, split) for split in splits]


def measuring_tokens(subject: AnyExperiment) -> list[TokenSplit]:
    """Splits for perplexities, and for the real texts of MAUVE."""
    tokenizer, split = subject.data.tokenizer, measured_split(subject)
    splits = [(name, tokenizer, split) for name in subject.evaluation.datasets]
    if subject.mauve.tasks:
        splits.append(reference_tokens(subject))
    if (real := judged_reference_tokens(subject)) is not None:
        splits.append(real)
    return splits
