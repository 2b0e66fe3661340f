"""`sedd export --push`: uploads to a real server on the loopback interface."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import torch
from helpers.programs import run_code, run_program
from helpers.project import invoke
from helpers.untrained_run import untrained_run
from helpers.writable_hub import serve_writable, writer_environment

import sedd

TOKEN = "hf_test"


def sedd_command(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**environment, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    return run_program("sedd", *words, environment=environment)


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    root = tmp_path_factory.mktemp("hub")
    with serve_writable(root, TOKEN) as (url, requests):
        yield root, url, requests


@pytest.mark.usefixtures("project")
def test_a_run_is_uploaded_with_its_card_and_opened_by_its_id(hub):
    root, url, requests = hub
    untrained_run("smoke_lambda_dce")
    environment = writer_environment(url, Path("home").absolute(), TOKEN)
    done = sedd_command(environment, "export", "smoke_lambda_dce", "--push", "me/tiny", "--private")
    assert done.returncode == 0, done.stderr
    assert f"{url}/me/tiny/commit/abc: smoke_lambda_dce, step 7, without numbers" in done.stdout
    assert "private" in requests
    repository = root / "models/me/tiny"
    files = {path.name for path in repository.iterdir()}
    assert files == {"README.md", "config.json", "model.safetensors"}
    assert json.loads((repository / "config.json").read_text())["training"]["loss_type"]
    assert 'sedd.open_model("me/tiny")' in (repository / "README.md").read_text()

    program = (
        "import sedd; m = sedd.open_model('me/tiny', device='cpu'); "
        "print(m.tokenizer.name, m.length, float(sum(p.sum() for p in m.network.parameters())))"
    )
    reader = run_code(program, environment=environment)
    with torch.no_grad():
        sent = sum(p.sum() for p in sedd.open_model(repository, device="cpu").network.parameters())
    name, length, total = reader.stdout.split()
    assert (name, length) == ("text8", "32"), reader.stderr
    assert float(total) == pytest.approx(float(sent), rel=1e-6)


@pytest.mark.usefixtures("project")
def test_a_second_upload_replaces_the_files_and_keeps_the_folder(hub):
    root, url, _ = hub
    untrained_run("smoke_absorb")
    environment = writer_environment(url, Path("home").absolute(), TOKEN)
    words = "export", "smoke_absorb", "out", "--push", "me/again"
    assert sedd_command(environment, *words).returncode == 0
    before = (root / "models/me/again/model.safetensors").read_bytes()
    untrained_run("smoke_absorb", seed=3)
    done = sedd_command(environment, *words, "--force")
    assert done.returncode == 0, done.stderr
    after = (root / "models/me/again/model.safetensors").read_bytes()
    assert before != after == Path("out/model.safetensors").read_bytes()


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("repository", "token", "message", "asked"),
    [
        ("me/x", None, r"--push me/x: no token for the hub; log in with `hf auth login`", False),
        ("me/x", "hf_wrong", r"the hub refused the upload \(.*401.*\); log in with", True),
        ("them/x", TOKEN, r"the hub refused the upload \(.*403.*\); log in with", True),
    ],
)
def test_a_refusal_is_one_line(hub, repository, token, message, asked):
    root, url, requests = hub
    untrained_run("smoke_lambda_dce")
    environment = writer_environment(url, Path("home").absolute(), token)
    seen = len(requests)
    done = sedd_command(environment, "export", "smoke_lambda_dce", "--push", repository)
    assert done.returncode == 2, done.stderr
    assert re.search(message, done.stderr)
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert (len(requests) > seen) == asked
    assert not (root / "models" / repository).exists()


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "give a folder DIR for the export, or --push OWNER/NAME"),
        (("out", "--private"), "--private needs --push"),
        (("--push", "x"), "--push x: must be OWNER/NAME, such as me/x"),
        (("--push", "me/x/y"), "--push me/x/y: Repo id must"),
    ],
)
def test_a_call_that_cannot_be_meant_is_refused(words, message):
    done = invoke("export", "smoke_lambda_dce", *words, check=False)
    assert done.returncode == 2
    assert message in done.stderr


@pytest.mark.usefixtures("project")
def test_an_unreachable_hub_is_named_before_anything_is_written(tmp_path):
    untrained_run("smoke_lambda_dce")
    environment = writer_environment("http://127.0.0.1:9", tmp_path, TOKEN)
    done = sedd_command(environment, "export", "smoke_lambda_dce", "out", "--push", "me/x")
    assert done.returncode == 2
    assert "--push me/x on http://127.0.0.1:9: unreachable (" in done.stderr
    assert not Path("out").exists()
