"""The command line: help, exit codes, overrides."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from helpers.experiment_file import shipped_yaml
from helpers.project import ROOT, command, invoke

from sedd.cli import app
from sedd.cli.groups import HEADINGS
from sedd.cli.options import complete_name
from sedd.runtime.extras import EXTRAS

VERBS = [str(verb.name) for verb in app.registered_commands]


def test_help_has_one_sentence_for_every_verb():
    said = invoke("--help").stdout
    for verb in VERBS:
        assert re.search(rf"^  {verb} +[A-Z].*\.$", said, re.MULTILINE), verb


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_each_verb_has_an_example(verb):
    said = invoke(verb, "--help").stdout
    assert re.search(rf"Examples?: sedd {verb} ", said)


def test_help_puts_every_verb_into_one_group():
    said = invoke("--help").stdout
    verbs = [
        line.split()[0] for line in said[said.index("Data:") :].splitlines() if line[:2] == "  "
    ]
    assert sorted(verbs) == sorted([*VERBS, "bench", "config", "data"])
    headings = re.findall(r"^(\w.*):$", said, re.MULTILINE)
    assert headings == ["Options", *HEADINGS.values()]


def test_the_version_is_that_of_the_package():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert invoke("--version").stdout.strip() == f"sedd {declared}"


def test_the_list_has_every_file_of_the_configuration_and_every_run(project):
    Path("results/runs/mine/checkpoints").mkdir(parents=True)
    Path("results/runs/mine/checkpoints/step_1200.pt").touch()
    Path("config/tables/broken.yaml").write_text("title: [\n")
    said = invoke("list").stdout
    for path in Path("config").glob("*/*.yaml"):
        assert re.search(rf"^{path.stem} ", said, re.MULTILINE), path
    assert "newest checkpoint: step 1,200" in said
    assert "cannot be read: sedd config check config/tables/broken.yaml" in said
    assert "datasets" not in invoke("list", "runs", "tables").stdout.split()
    refused = invoke("list", "things", check=False)
    assert (refused.returncode, "must be experiments, sweeps" in refused.stderr) == (2, True)


def test_a_folder_without_configuration_is_said_to_be_no_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = command(tmp_path, "sedd", "train", "tiny_absorb", check=False)
    assert said.returncode == 2
    assert said.stderr.endswith("it has no config/; to make one: sedd init DIR\n")
    assert "none" in invoke("list", "experiments").stdout


def test_init_makes_a_project_and_replaces_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "try: cd mine && sedd build" in invoke("init", "mine").stdout
    made = Path("mine")
    for name in (
        "Snakefile",
        ".gitignore",
        "dvc.yaml",
        "config/smoke.yaml",
        "workflow/rules/data.smk",
    ):
        assert (made / name).read_bytes() == (ROOT / name).read_bytes()
        assert not (made / name).is_symlink()
    assert (made / "slurm/config.yaml").is_file()
    monkeypatch.chdir(made)
    files = [str(path.relative_to(ROOT)) for path in shipped_yaml()]  # not a user's own
    assert "no problems" in invoke("config", "check", *files).stdout
    again = invoke("init", ".", check=False)
    assert again.returncode == 2
    assert (
        "Snakefile, config, dvc.yaml, .dvcignore, .gitignore, workflow, default, slurm already"
        in again.stderr
    )


def test_names_of_experiments_are_completed(project):
    assert complete_name("tiny_d3pm_") == ["tiny_d3pm_absorb", "tiny_d3pm_uniform"]


def test_help_needs_no_torch():
    program = "import sys, sedd.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_config_check_counts_the_files(project):
    count = len(list(Path("config").rglob("*.yaml")))
    assert invoke("config", "check").stdout.strip() == f"{count} files, no problems"


def test_config_check_reports_all_files_at_once_with_exit_code_2(project):
    for name, key in (("smoke_absorb", "lr:"), ("smoke_uniform", "steps: 60")):
        path = Path(f"config/experiments/{name}.yaml")
        path.write_text(path.read_text().replace(key, f"x{key}", 1))
    result = invoke("config", "check", check=False)
    assert result.returncode == 2
    assert "config/experiments/smoke_absorb.yaml: 1 problem" in result.stderr
    assert "training.xlr: unknown key; did you mean 'lr'?" in result.stderr
    assert "config/experiments/smoke_uniform.yaml: " in result.stderr
    assert "Traceback" not in result.stderr


def test_config_show_fills_in_presets_defaults_and_overrides(project):
    said = invoke("config", "show", "tiny_absorb", "model=small", "training.accum=2").stdout
    assert "hidden_size: 768" in said
    assert "accum: 2" in said
    assert "beta1: 0.9" in said


@pytest.mark.parametrize("verb", ["train", "sample", "perplexity", "report"])
def test_overrides_require_a_name(project, verb):
    result = invoke(verb, "smoke_absorb", "training.lr=0.5", check=False)
    assert result.returncode == 2
    assert "--name" in result.stderr
    assert not Path("results").exists()


def test_overrides_of_a_table_require_a_name_unless_it_is_only_shown(project):
    assert invoke("table", "text8", "tolerance=0.5", check=False).returncode == 2
    assert invoke("table", "text8", "tolerance=0.5", "--show").returncode == 0
    assert not Path("results").exists()
    invoke("table", "text8", "tolerance=0.5", "--name", "loose")
    assert {path.name for path in Path("results/tables").iterdir()} == {
        "loose.md",
        "loose.csv",
        "loose.tex",
        "loose.html",
    }


def test_an_unknown_experiment_is_rejected_with_the_nearest_name(project):
    result = command(project, "sedd", "train", "tiny_absorbb", check=False)
    assert result.returncode == 2
    assert "did you mean 'tiny_absorb'" in result.stderr


def test_tokenize_requires_either_an_experiment_or_a_data_set(project):
    assert invoke("tokenize", check=False).returncode == 2
    assert invoke("tokenize", "smoke_absorb", "--dataset", "wiki", check=False).returncode == 2
    assert invoke("tokenize", "smoke_absorb", "--split", "test", check=False).returncode == 2


def test_tokenize_prints_license_and_counts(project):
    said = invoke("tokenize", "--dataset", "kjv", "--tokenizer", "text8", "--split", "test").stdout
    assert "public domain" in said
    assert re.search(r"results/data/kjv/text8/test: \d+ documents, [\d,]+ tokens", said)


def test_config_check_outside_the_project_is_an_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = invoke("config", "check", check=False)
    assert result.returncode == 2
    assert "project's folder" in result.stderr


def test_an_unknown_device_is_a_user_error(project):
    for device in ("cuda:99", "gpuu"):
        result = invoke("train", "smoke_absorb", "--device", device, check=False)
        assert result.returncode == 2
        assert f"--device: {device!r} cannot be used on this machine" in result.stderr


def test_config_check_finds_a_data_set_without_the_needed_split(project):
    path = Path("config/experiments/smoke_absorb.yaml")
    path.write_text(path.read_text().replace("dataset: wiki", "dataset: lambada"))
    result = invoke("config", "check", check=False)
    assert result.returncode == 2
    assert "lambada has no train and no validation split, only test" in result.stderr


def test_a_page_of_a_missing_run_is_refused(project):
    result = invoke("report", "smoke_absorb", "seed=2", "--name", "nothing", check=False)
    assert result.returncode == 2
    assert "no run 'nothing' yet" in result.stderr


WITHOUT_EXTRAS = f"""
import sys
from importlib.abc import MetaPathFinder

class Missing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {set(EXTRAS)}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())

import sedd
for name in sedd.__all__:
    getattr(sedd, name)
import sedd.checkpoints, sedd.sampling, sedd.evaluate, sedd.data.tokenize
from sedd.cli import main

for words in sys.argv[1:]:
    print(words, file=sys.stderr, flush=True)
    sys.argv = ["sedd", *words.split()]
    try:
        main()
    except SystemExit as exit:
        print(exit.code, file=sys.stderr, flush=True)
"""


def test_without_the_extras_models_open_and_verbs_name_the_missing_extra(project):
    verbs = {
        "curves smoke_absorb": "report",
        "table text8 --show": "report",
        "report smoke_absorb": "report",
        "overview": "report",
        "status": "pipeline",
        "train smoke_absorb": "pipeline",
    }
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRAS, "--help", "config check", *verbs],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    assert "Data:" in result.stdout
    assert "files, no problems" in result.stdout
    message = (
        r"sedd: the library `\w+` is not installed; to install it: pip install 'sedd\[(\w+)\]'"
    )
    lines = rf"^(.+)\n{message}\n2$"
    assert dict(re.findall(lines, result.stderr, re.MULTILINE)) == verbs


def test_each_extra_installs_the_libraries_that_the_message_promises():
    distributions = {
        "PIL": "pillow",
        "mauve": "mauve-text",
        "faiss": "faiss-cpu",
        "lm_eval": "lm-eval",
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    for library, extra in EXTRAS.items():
        names = [re.match(r"[\w-]+", line)[0] for line in extras[extra]]
        assert distributions.get(library, library) in names, library
    core = [re.match(r"[\w.-]+", line)[0] for line in project["dependencies"]]
    assert not {distributions.get(library, library) for library in EXTRAS} & set(core)
