"""A published model in another form becomes a folder in the hub's form."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from helpers.project import invoke
from helpers.published_model import GOLDEN, published_model
from helpers.word_vocabulary import word_vocabulary

import sedd
from sedd.checkpoints.export import export
from sedd.checkpoints.official import load_official, read_configuration
from sedd.errors import CheckpointError, DataError


def assert_same_network(one: Path, other: Path) -> None:
    weights, again = (
        dict(load_official(path, "cpu").network.named_parameters()) for path in (one, other)
    )
    assert weights.keys() == again.keys()
    assert all(torch.equal(value, again[name]) for name, value in weights.items())


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("form", ["experiment", "hub"])
@pytest.mark.parametrize("kind", ["absorb", "uniform"])
def test_the_export_has_the_averaged_weights_and_the_tokenizer(form, kind):
    source = published_model(Path("models/golden"), form, kind=kind)
    invoke("export", str(source), "out")
    assert {path.name for path in Path("out").iterdir()} == {
        "config.json",
        "model.safetensors",
        "README.md",
        "tokenizer.json",
    }
    assert_same_network(source, Path("out"))
    texts = [
        sedd.open_model(path, device="cpu").sample(steps=4, seed=1) for path in (source, "out")
    ]
    assert texts[0] == texts[1]
    with pytest.raises(CheckpointError, match="holds an earlier export"):
        export(str(source), Path("out"))
    export(str(source), Path("out"), force=True)
    card = Path("out/README.md").read_text()
    assert "It was not trained with sedd" in card


@pytest.mark.usefixtures("project")
def test_a_pretrained_experiment_is_exported_by_its_name():
    source = published_model(Path("models/golden"))
    Path("config/experiments/theirs.yaml").write_text(
        f"description: theirs\npretrained: {source}\ndata: {{tokenizer: {source}, length: 24}}\n"
    )
    assert export("theirs", Path("out")).run == "theirs"
    assert_same_network(source, Path("out"))
    with pytest.raises(CheckpointError, match="no checkpoint of step 3"):
        export("theirs", Path("other"), step=3)


@pytest.mark.parametrize("kind", ["radd", "mdlm", "mdlm_time"])
def test_other_families_keep_their_form(kind, tmp_path):
    source = GOLDEN / kind / "hub"
    export(str(source), tmp_path / "out")
    assert_same_network(source, tmp_path / "out")
    assert read_configuration(tmp_path / "out/config.json") == read_configuration(
        source / "config.json"
    )


def test_a_file_that_a_hostile_folder_links_to_is_not_published(tmp_path: Path) -> None:
    source = tmp_path / "model"
    shutil.copytree(GOLDEN / "mdlm/hub", source)
    (tmp_path / "secret").write_text("a key")
    (source / "tokenizer.json").symlink_to(tmp_path / "secret")
    with pytest.raises(DataError, match=r"tokenizer\.json cannot be read"):
        export(str(source), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    word_vocabulary(tmp_path / "words", "[UNK]", "<|endoftext|>", *map(str, range(35)))
    (source / "tokenizer.json").unlink()  # the hub's cache holds links too
    (source / "tokenizer.json").symlink_to(tmp_path / "words/tokenizer.json")
    export(str(source), tmp_path / "out")
    copy = (tmp_path / "out/tokenizer.json").read_text()
    assert copy == (tmp_path / "words/tokenizer.json").read_text()
