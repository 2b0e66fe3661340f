"""Generated reference of all keys, and the JSON schemas of the configuration files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.experiment_file import GOOD, SHIPPED, shipped_yaml
from ruamel.yaml import YAML
from typer.testing import CliRunner

from sedd.cli import app
from sedd.config.reference import COMMAND, reference_files
from sedd.config.schema import KINDS, file_schema, model_schema

ROOT = SHIPPED.parent
SHIPPED_FILES = shipped_yaml()
KIND_OF_FOLDER = {
    "experiments": "experiment",
    "sweeps": "sweep",
    "model": "model",
    "datasets": "dataset",
    "tokenizers": "tokenizer",
    "tables": "table",
    "cluster": "cluster",
    "config": "build",
}


def read(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def is_valid(kind: str, values: Any) -> bool:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((SHIPPED / "schema" / f"{kind}.json").read_text(encoding="utf-8"))
    return jsonschema.Draft7Validator(schema).is_valid(values)


@pytest.mark.parametrize("path", reference_files(), ids=str)
def test_the_reference_is_up_to_date(path: Path) -> None:
    file = ROOT / path
    assert file.is_file(), f"{path} is missing; run `{COMMAND}`"
    is_current = file.read_text(encoding="utf-8") == reference_files()[path]
    assert is_current, f"{path} is out of date; run `{COMMAND}`"


def test_the_command_writes_the_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, COMMAND.split()[1:])
    assert result.exit_code == 0
    assert {Path(line) for line in result.output.split()} == set(reference_files())
    for path, text in reference_files().items():
        assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("path", SHIPPED_FILES, ids=lambda path: path.stem)
def test_a_shipped_file_names_its_schema_and_is_valid(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    kind = KIND_OF_FOLDER[path.parent.name]
    first = text.splitlines()[0]
    schema = path.parent / first.removeprefix("# yaml-language-server: $schema=")
    assert schema.resolve() == (SHIPPED / "schema" / f"{kind}.json").resolve()
    assert is_valid(kind, read(text))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{hidden_size: 32, n_blocks: 2, n_heads: 2}", "tiny"),
        ("{hidden_size: 32, n_blocks: 2, n_heads: 2}", "{preset: tiny, dropout: 0.0}"),
        ("for a test", "for a test\nseed: 3"),
        ("training:", "sampling: {sampler: first_hitting, top_p: 0.9}\ntraining:"),
    ],
)
def test_the_schema_accepts_valid_experiments(old: str, new: str) -> None:
    assert old in GOOD
    assert is_valid("experiment", read(GOOD.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("description: for a test\n", ""),
        ("description", "name: x\ndescription"),
        ("description", "base: x\nshiny: 1\ndescription"),
        ("steps: 100", "stepps: 100"),
        ("steps: 100", "steps: 0"),
        ("steps: 100", 'steps: "100"'),
        ("{type: absorb}", "{type: absrob}"),
        ("{type: loglinear}", "{type: loglinear, sigma_max: 20}"),
        ("n_heads: 2}", "n_heads: 2, preest: tiny}"),
        ("training:", "sampling: {sampler: eular}\ntraining:"),
        ("model:", "pretrained: gpt2\nmodel:"),
    ],
)
def test_the_schema_rejects_invalid_experiments(old: str, new: str) -> None:
    assert old in GOOD
    assert not is_valid("experiment", read(GOOD.replace(old, new)))


def test_every_key_has_a_meaning() -> None:
    def undescribed(name: str, schema: dict[str, Any]) -> list[str]:
        return [
            f"{name}.{key}"
            for key, field in schema["properties"].items()
            if "description" not in field and "const" not in field and key != "kind"
        ]

    missing = []
    for kind in KINDS:
        for model in kind.models:
            schema = model_schema(model)
            for name, own in {kind.name: schema, **schema.get("$defs", {})}.items():
                missing += undescribed(name, own)
    assert missing == []


def test_schemas_do_not_have_the_keys_of_the_loader() -> None:
    schemas = {kind.name: file_schema(kind) for kind in KINDS}
    whole = schemas["experiment"]
    for branch in (whole["then"], whole["else"]["then"], whole["else"]["else"]):
        assert not {"name", "overrides"} & set(branch["properties"])
    assert "name" not in schemas["dataset"]["properties"]
    assert "name" in schemas["dataset"]["$defs"]["HubSource"]["properties"]
