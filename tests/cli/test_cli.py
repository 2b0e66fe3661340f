"""The command line as its users meet it: help, exit codes, overrides."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.project import command

VERBS = [
    *("tokenize", "train", "status", "cancel", "sample", "perplexity", "curves"),
    *("table", "report", "figures", "compare", "overview", "export", "bench"),
]


def here(*words: str, check: bool = True):
    return command(Path.cwd(), "sedd", *words, check=check)


def test_help_names_every_verb_in_one_whole_sentence(project):
    said = here("--help").stdout
    for verb in VERBS:
        assert re.search(rf"^  {verb} +[A-Z].*\.$", said, re.MULTILINE), verb


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_teaches_with_an_example_that_starts_with_itself(project, verb):
    said = here(verb, "--help").stdout
    assert re.search(rf"Examples?: sedd {verb} ", said)


def test_help_needs_no_torch():
    program = "import sys, sedd.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_a_checked_configuration_says_how_many_files_it_read(project):
    count = len(list(Path("config").rglob("*.yaml")))
    assert here("config", "check").stdout.strip() == f"{count} files, no problems"


def test_mistakes_of_several_files_are_told_at_once_with_exit_code_2(project):
    for name, key in (("smoke_absorb", "lr:"), ("smoke_uniform", "steps: 60")):
        path = Path(f"config/experiments/{name}.yaml")
        path.write_text(path.read_text().replace(key, f"x{key}", 1))
    result = here("config", "check", check=False)
    assert result.returncode == 2
    assert "config/experiments/smoke_absorb.yaml: 1 problem" in result.stderr
    assert "training.xlr: unknown key; did you mean 'lr'?" in result.stderr
    assert "config/experiments/smoke_uniform.yaml: " in result.stderr
    assert "Traceback" not in result.stderr


def test_show_fills_in_presets_defaults_and_overrides(project):
    said = here("config", "show", "tiny_absorb", "model=small", "training.accum=2").stdout
    assert "hidden_size: 768" in said
    assert "accum: 2" in said
    assert "beta1: 0.9" in said


@pytest.mark.parametrize("verb", ["train", "sample", "perplexity", "report"])
def test_a_changed_experiment_needs_a_name_of_its_own(project, verb):
    result = here(verb, "smoke_absorb", "training.lr=0.5", check=False)
    assert result.returncode == 2
    assert "--name" in result.stderr
    assert not Path("results").exists()


def test_a_changed_table_needs_a_name_unless_it_is_only_shown(project):
    assert here("table", "text8", "tolerance=0.5", check=False).returncode == 2
    assert here("table", "text8", "tolerance=0.5", "--show").returncode == 0
    assert not Path("results").exists()
    here("table", "text8", "tolerance=0.5", "--name", "loose")
    assert {path.name for path in Path("results/tables").iterdir()} == {
        "loose.md",
        "loose.csv",
        "loose.tex",
        "loose.html",
    }


def test_an_unknown_experiment_is_told_with_the_nearest_name(project):
    result = here("train", "tiny_absorbb", check=False)
    assert result.returncode == 2
    assert "did you mean 'tiny_absorb'" in result.stderr


def test_training_without_tokens_says_which_verb_makes_them(project):
    result = here("train", "smoke_absorb", check=False)
    assert result.returncode == 2
    assert "sedd tokenize" in result.stderr


def test_tokenize_wants_either_an_experiment_or_a_data_set(project):
    assert here("tokenize", check=False).returncode == 2
    assert here("tokenize", "smoke_absorb", "--dataset", "wiki", check=False).returncode == 2
    assert here("tokenize", "smoke_absorb", "--split", "test", check=False).returncode == 2


def test_tokenize_reports_licence_and_counts(project):
    said = here("tokenize", "--dataset", "kjv", "--tokenizer", "text8", "--split", "test").stdout
    assert "public domain" in said
    assert re.search(r"results/data/kjv/text8/test: \d+ documents, [\d,]+ tokens", said)


def test_a_check_in_another_folder_says_that_there_is_nothing_to_check(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = here("config", "check", check=False)
    assert result.returncode == 2
    assert "project's folder" in result.stderr


def test_a_device_that_is_not_there_is_told_without_a_traceback(project):
    for device in ("cuda:99", "gpuu"):
        result = here("train", "smoke_absorb", "--device", device, check=False)
        assert result.returncode == 2
        assert f"--device: {device!r} cannot be used on this machine" in result.stderr


def test_a_data_set_without_the_needed_split_is_told_before_anything_runs(project):
    path = Path("config/experiments/smoke_absorb.yaml")
    path.write_text(path.read_text().replace("dataset: wiki", "dataset: lambada"))
    result = here("config", "check", check=False)
    assert result.returncode == 2
    assert "lambada has no train and no validation split, only test" in result.stderr


def test_a_page_of_a_run_that_is_not_there_is_refused(project):
    result = here("report", "smoke_absorb", "seed=2", "--name", "nothing", check=False)
    assert result.returncode == 2
    assert "no run 'nothing' yet" in result.stderr
