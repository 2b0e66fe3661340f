"""A published model as a folder in the hub's form: official experiment folders, Lightning files."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from sedd.checkpoints.export.card import METHODS, OUTPUTS, USE
from sedd.checkpoints.export.exported import Exported
from sedd.checkpoints.export.folder import MARK, replacing_folder
from sedd.checkpoints.formats.published import PublishedConfig
from sedd.checkpoints.formats.tensors import BUFFERS, check_tensors
from sedd.checkpoints.hub import weights_sha256
from sedd.checkpoints.official import (
    TOKENIZER_KEY,
    VOCABULARY_KEY,
    configuration_file,
    is_official,
    read_official,
    recorded_tokenizer,
    recorded_vocabulary,
)
from sedd.checkpoints.recognize import is_lightning
from sedd.config.pretrained import STEP
from sedd.config.yaml.source import read_source
from sedd.data.vocabularies import find_vocabulary
from sedd.errors import CheckpointError
from sedd.runtime.atomic import replacing, write_json, write_text
from sedd.runtime.json_text import json_text
from sedd.runtime.markdown import code_block, escape_markdown
from sedd.runtime.provenance import code_version, now


def export_published(
    name: str, source: Path, folder: Path, repository: str | None = None
) -> Exported:
    """Write the averaged weights of a published diffusion model; parameters keep their names.

    name: the model as the user gave it. source: its folder or Lightning file.
    Raises CheckpointError if it is not a diffusion model, or damaged.
    """
    if not is_official(source):
        raise CheckpointError(
            f"{name}: a causal model of the Hugging Face library has the hub's form already; copy its folder"
        )
    config, tensors, path = read_official(source)
    check_tensors(tensors, config, path)
    with replacing_folder(folder) as target:
        write_json(target / "config.json", written_config(source, config))
        tokenizer, metadata = recorded_tokenizer(source), {"format": "pt"}
        if tokenizer is None:
            # it may be a link to any file of this account, which must not be published
            find_vocabulary(str(source.absolute()))
            with replacing(target / "tokenizer.json") as temporary:
                shutil.copyfile(source / "tokenizer.json", temporary)
        else:
            metadata[TOKENIZER_KEY] = tokenizer
            if (vocabulary := recorded_vocabulary(source)) is not None:
                metadata[VOCABULARY_KEY] = vocabulary
        write_text(target / "README.md", published_card(name, source, config, repository))
        kept = {key: value for key, value in tensors.items() if not key.endswith(BUFFERS)}
        with replacing(target / "model.safetensors") as temporary:
            save_file({key: one.contiguous() for key, one in kept.items()}, temporary, metadata)
    return Exported(folder, name, STEP, [], [])


def written_config(source: Path, config: PublishedConfig) -> Mapping[str, Any]:
    """The configuration as it was published; of a Lightning file, the keys that shape the network."""
    if is_lightning(source):
        return config.model_dump(mode="json")
    return read_source(configuration_file(source)).values


def published_card(name: str, source: Path, config: PublishedConfig, repository: str | None) -> str:
    """README.md of the export."""
    opened = (
        f"{json_text(repository)})" if repository else '"FOLDER")  # this folder, or its hub id'
    )
    use = USE.format(opened=opened, call="steps=128")
    family = config.family
    tags = f"library_name: sedd\ntags:\n- discrete-diffusion\n- {family.lower()}\n"
    return f"""\
---
{tags}---
# {escape_markdown(name)}

A language model by {METHODS[family]}.
It maps {OUTPUTS[family]}.

## Use

{code_block(use, "python")}

## Origin

{MARK} of sedd {code_version()} at {now()}, from the averaged weights of a published model
(SHA-256 `{weights_sha256(source)}`). It was not trained with sedd: its licence and its training data
are those of its authors.
"""
