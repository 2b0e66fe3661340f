"""The model card: the model, its training data, its measured quality, and its use."""

from __future__ import annotations

from sedd.checkpoints.export.folder import MARK
from sedd.checkpoints.run_checkpoint import TrainedNetwork
from sedd.config import load_dataset, resolved_yaml, sampling_steps
from sedd.results.perplexity import PerplexityResult
from sedd.results.spelled import spell
from sedd.runtime.json_text import json_text
from sedd.runtime.markdown import code, code_block, escape_markdown, markdown_table
from sedd.runtime.provenance import code_version, file_sha256, now

METHODS = {
    "SEDD": "score entropy discrete diffusion ([Lou, Meng and Ermon 2024](https://arxiv.org/abs/2310.16834))",
    "RADD": "masked diffusion without noise input ([RADD, Ou et al. 2024](https://arxiv.org/abs/2406.03736))",
    "MDLM": "masked diffusion ([MDLM, Sahoo et al. 2024](https://arxiv.org/abs/2406.07524))",
}
OUTPUTS = {
    "SEDD": "noisy tokens and a noise level to the probability ratios that denoise a text",
    "RADD": "a text with masks to the probabilities of the masked tokens",
    "MDLM": "a text with masks and a noise level to the probabilities of the masked tokens",
}

USE = """import sedd

model = sedd.open_model({opened}
texts = model.sample({call})
print(texts[0])"""


def model_card(
    trained: TrainedNetwork,
    family: str,
    evaluations: list[PerplexityResult],
    repository: str | None = None,
) -> str:
    """README.md of an export. Raises ConfigError without the dataset's file and its licence.

    family: SEDD, RADD or MDLM, whose form the export has. repository: its id on the hub.
    """
    tags = f"library_name: sedd\ntags:\n- discrete-diffusion\n- {family.lower()}\n"
    return f"---\n{tags}---\n" + "\n".join(
        [
            description_section(trained, family),
            usage_section(trained, family, repository),
            data_section(trained),
            evaluation_section(evaluations),
            "## Training\n\nEvery setting, including defaults:\n",
            code_block(resolved_yaml(trained.experiment), "yaml") + "\n",
            "## Origin\n",
            f"{MARK} of sedd {code_version()} at {now()}, from the checkpoint of step {trained.step:,} "
            f"(SHA-256 `{file_sha256(trained.path)}`).\n",
        ]
    )


def description_section(trained: TrainedNetwork, family: str) -> str:
    experiment = trained.experiment
    assert experiment.graph is not None, "diffusions have a graph"
    assert experiment.noise is not None, "diffusions have noise"
    count = sum(weight.numel() for weight in trained.network.parameters())
    description = experiment.description.rstrip(".")
    return f"""\
# {escape_markdown(experiment.name)}

{escape_markdown(description)}.

A language model by {METHODS[family]},
with the {experiment.graph.type} graph and {experiment.noise.type} noise. A transformer of {count:,} parameters maps
{OUTPUTS[family]}. These are the averaged weights after
{trained.step:,} steps of {experiment.training.batch_size} sequences of {experiment.data.length} tokens.
"""


def usage_section(trained: TrainedNetwork, family: str, repository: str | None) -> str:
    experiment = trained.experiment
    call = f'sampler="{experiment.sampling.sampler}", steps={sampling_steps(experiment)}'
    opened = (
        f"{json_text(repository)})" if repository else '"FOLDER")  # this folder, or its hub id'
    )
    return f"""\
## Use

{code_block(USE.format(opened=opened, call=call), "python")}

The names of files, keys and parameters are those of the published {family} checkpoints. The vocabulary is that of the tokenizer
{code(experiment.data.tokenizer)}: {trained.vocab_size:,} tokens. `config.json` has no key for it, so the metadata of
`model.safetensors` names it.
"""


def data_section(trained: TrainedNetwork) -> str:
    dataset = load_dataset(trained.experiment.data.dataset)
    homepage = f" Source: <{dataset.homepage}>." if dataset.homepage else ""
    return f"""\
## Data

{code(dataset.name)}: {escape_markdown(dataset.description)}. Licence: {escape_markdown(dataset.licence)}.{homepage}
"""


def evaluation_section(evaluations: list[PerplexityResult]) -> str:
    if not evaluations:
        return "## Evaluation\n\nNot measured.\n"
    rows = [
        [
            escape_markdown(f"{one.dataset} ({one.split})"),
            spell(one.perplexity, one.perplexity_standard_error, nats=one.nats_per_token),
            spell(one.bits_per_character, one.bits_per_character_standard_error, ".3f"),
            f"{one.num_sequences:,} x {one.num_draws:,}",
            escape_markdown(one.provenance.code_version),
        ]
        for one in evaluations
    ]
    table = markdown_table(
        ["text", "perplexity per token", "bits per character", "sequences x times", "code"],
        rows,
        ["left", "right", "right", "right", "left"],
    )
    note = "Monte Carlo estimates of upper bounds, over random times; ± is one standard error."
    return f"## Evaluation\n\n{note}\n\n{table}\n"
