"""The script that measures a GPU in one go, here on a CPU with tiny networks."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import typer
from helpers.project import ROOT

from sedd.cli import app

SCRIPT = ROOT / "results/benchmarks/measure_gpu.sh"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = ["env", f"PYTHON={sys.executable}", "bash", str(SCRIPT), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_step_has_options_that_the_verb_takes():
    lines = run("--list").stdout.splitlines()
    verbs = {name: shlex.split(words) for name, words in (line.split(": ", 1) for line in lines)}
    assert len(verbs) == len(lines) > 25
    group = typer.main.get_command(app)
    parsed = 0
    for words in verbs.values():
        if words[1:3] == ["-m", "sedd"]:
            verb, *rest = words[3:]
            command = group.commands[verb]
            if verb == "bench":
                verb, *rest = rest
                command = command.commands[verb]
            command.make_context(verb, rest)  # raises for an option that is not there
            parsed += 1
    assert parsed > 20


def test_steps_leave_their_numbers_and_what_they_printed(tmp_path: Path):
    only = "^(profile_train_absorb|bound_small_uniform)$"
    done = run("--device", "cpu", "--tiny", "--only", only, "--out", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "== bound_small_uniform: done in" in done.stdout
    measured = json.loads((tmp_path / "profile_train_absorb.json").read_text())
    longest = measured["longest_operations"]
    assert len(longest) == 20
    assert [one["share"] for one in longest] == sorted(one["share"] for one in longest)[::-1]
    assert 0.5 < sum(one["share"] for one in longest) <= 1
    assert longest[0]["name"] in done.stdout


def test_a_step_that_fails_does_not_stop_the_others(tmp_path: Path):
    only = "^sample_(small|medium)_absorb$"
    words = ("--device", "cuda:99", "--tiny", "--only", only, "--out", str(tmp_path))
    done = run(*words)
    assert done.returncode == 1
    for name in ("sample_small_absorb", "sample_medium_absorb"):
        assert f"== {name}: failed, exit code 2" in done.stdout
    assert "failed: sample_small_absorb sample_medium_absorb" in done.stderr
