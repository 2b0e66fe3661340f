"""The model card: what a model is, what it learnt from, how well it does, and how to use it."""

from __future__ import annotations

from sedd.checkpoints.export.folder import MARK
from sedd.checkpoints.run_checkpoint import Trained
from sedd.config import load_dataset, resolved_yaml, text_length
from sedd.registry import SAMPLERS
from sedd.report.table.markdown import escape
from sedd.results.perplexity import PerplexityResult
from sedd.runtime.provenance import code_version, file_sha256, now

HEAD = """\
---
library_name: sedd
tags:
- discrete-diffusion
- score-entropy
---
"""


def model_card(trained: Trained, evaluations: list[PerplexityResult]) -> str:
    """README.md of an export. Raises ConfigError if the dataset's own file, which tells its licence, is missing."""
    return HEAD + "\n".join(
        [
            what_it_is(trained),
            how_to_load(trained),
            learnt_from(trained),
            measured(evaluations),
            "## Training\n\nEvery setting, with defaults filled in:\n",
            f"```yaml\n{resolved_yaml(trained.experiment)}```\n",
            "## Origin\n",
            f"{MARK} of sedd {code_version()} at {now()}, from the checkpoint of step {trained.step:,} "
            f"(SHA-256 `{file_sha256(trained.path)}`).\n",
        ]
    )


def what_it_is(trained: Trained) -> str:
    experiment = trained.experiment
    assert experiment.graph is not None, "score entropy has a graph"
    assert experiment.noise is not None, "score entropy has noise"
    count = sum(weight.numel() for weight in trained.model.parameters())
    description = experiment.description.rstrip(".")
    return f"""\
# {escape(experiment.name)}

{escape(description)}.

A language model by score entropy discrete diffusion ([Lou, Meng and Ermon 2024](https://arxiv.org/abs/2310.16834)), with the
{experiment.graph.type} graph and {experiment.noise.type} noise: a transformer of {count:,} parameters that maps noisy tokens
and a noise level to the ratios by which text is denoised. These are the averaged weights after {trained.step:,} steps of
{experiment.training.batch_size} sequences of {experiment.data.length} tokens.
"""


def how_to_load(trained: Trained) -> str:
    data, sampling = trained.experiment.data, trained.experiment.sampling
    shape = f"(1, {text_length(trained.experiment)})"
    info = SAMPLERS[sampling.sampler]
    module, function = info.implementation.split(":")
    steps = "" if info.one_step_per_token else f", steps={sampling.steps}"
    return f"""\
## Use

```python
from sedd import load_model
from sedd.data.tokenizers import load_tokenizer
from {module} import {function}

model, graph, noise = load_model("FOLDER")  # this folder, or its id on the hub
tokens = {function}(model, graph, noise, {shape}{steps})
print(load_tokenizer("{data.tokenizer}").decode(tokens[0].tolist()))
```

The names of files, keys and parameters are those of the published checkpoints. The vocabulary, which `config.json` has no key
for, is that of the tokenizer `{data.tokenizer}`: {trained.vocab_size:,} tokens.
"""


def learnt_from(trained: Trained) -> str:
    dataset = load_dataset(trained.experiment.data.dataset)
    homepage = f" Source: <{dataset.homepage}>." if dataset.homepage else ""
    return f"""\
## Data

`{dataset.name}`: {escape(dataset.description)}. Licence: {escape(dataset.licence)}.{homepage}
"""


def measured(evaluations: list[PerplexityResult]) -> str:
    if not evaluations:
        return "## Evaluation\n\nNot measured.\n"
    rows = [
        f"| {escape(one.dataset)} ({one.split}) | {one.perplexity:.2f} ± {one.perplexity_standard_error:.2f} "
        f"| {one.bits_per_character:.3f} ± {one.bits_per_character_standard_error:.3f} "
        f"| {one.num_sequences:,} x {one.num_draws:,} | {escape(one.provenance.code_version)} |"
        for one in evaluations
    ]
    return "\n".join(
        [
            "## Evaluation\n",
            "Upper bounds by Monte Carlo over random times, ± one standard error.\n",
            "| text | perplexity a token | bits per character | sequences x times | code |",
            "|:--|--:|--:|--:|:--|",
            *rows,
            "",
        ]
    )
