"""What would run, and what an edit runs again: dry runs of the real rules."""

import re
from pathlib import Path

import pytest
from helpers.project import ROOT, command, planned

from sedd import paths
from sedd.config import (
    Experiment,
    drawings,
    load_project,
    load_subject,
    measured_steps,
    sampling_steps,
)

SMOKE = ("--configfile", "config/smoke.yaml")


def edit(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("build", ["config", "smoke", "paper"])
def test_every_build_plans_each_checkpoint_sample_and_measurement_once(project, build):
    jobs = planned(project, "--configfile", f"config/{build}.yaml")
    made = load_project(Path(f"config/{build}.yaml"))
    everything = [load_subject(name) for name in made.experiments]
    experiments = [one for one in everything if isinstance(one, Experiment)]
    steps = {e.name: measured_steps(e) for e in everything}
    measured = {
        e.name: steps[e.name] if e.evaluation.checkpoints == "all" else steps[e.name][-1:]
        for e in everything
    }
    shown = {
        (e.name, step, e.sampling.sampler, sampling_steps(e), e.sampling.precision)
        for e in experiments
        for step in measured[e.name]
    }
    judged = {(e.name, steps[e.name][-1], *way) for e in everything for way in drawings(e)}
    assert jobs["train"] == sum(len(steps[e.name]) for e in experiments)
    assert jobs["sample"] == len(shown | judged)
    assert jobs["perplexity"] == sum(
        len(measured[e.name]) * len(e.evaluation.datasets) for e in everything
    )
    assert jobs["generative"] == sum(bool(drawings(e)) for e in everything)
    assert jobs["mauve"] == sum(len(e.mauve.tasks) for e in everything)
    assert jobs["trace"] == sum(e.graph is not None for e in experiments)
    assert jobs["report"] == jobs["figures"] == jobs["curves"] == len(experiments)
    assert jobs["compare"] == jobs["overview"] == 1
    assert jobs["table"] == len(made.tables)


def test_a_checkpoint_is_trained_on_from_the_one_before(project):
    output = command(project, "snakemake", "--dry-run", *SMOKE).stdout
    (job,) = re.findall(
        r"rule train:\n\s+input: (.*)\n\s+output: results/runs/smoke_absorb/checkpoints/step_60.pt",
        output,
    )
    assert "results/runs/smoke_absorb/checkpoints/step_30.pt" in job


def test_a_checkpoint_is_measured_without_waiting_for_the_next(project):
    output = command(project, "snakemake", "--dry-run", *SMOKE).stdout
    inputs = re.findall(
        r"rule (?:sample|perplexity):\n\s+input: (.*)\n\s+output: results/runs/smoke_absorb/.*step_30",
        output,
    )
    assert len(inputs) == 2
    assert all("step_30.pt" in line and "step_60" not in line for line in inputs)


def test_a_file_of_first_hitting_samples_is_named_by_the_tokens_of_a_text(project):
    edit(
        project,
        "config/experiments/smoke_absorb.yaml",
        "{sampler: analytic, steps: 8,",
        "{sampler: first_hitting,",
    )
    output = command(project, "snakemake", "--dry-run", "--printshellcmds", *SMOKE).stdout
    assert "results/runs/smoke_absorb/samples/step_60/first_hitting_32.jsonl" in output
    assert "--sampler first_hitting --steps 32" in output


def test_the_profiles_are_found_by_their_bare_names(project):
    said = command(project, "snakemake", "--profile", "slurm", "--dry-run", *SMOKE).stderr
    assert "Using profiles slurm and workflow specific profile default" in said
    said = command(project, "snakemake", "--dry-run", *SMOKE).stderr
    assert "workflow specific profile default" in said


def test_the_slurm_profile_trains_on_the_cluster_and_refuses_to_train_here(project):
    words = ("snakemake", "--profile", "slurm", "--dry-run", *SMOKE)
    assert "cluster_file=slurm" in command(project, *words).stdout
    # a --config of the command line takes the place of the profile's
    result = command(project, *words, "--config", "reports=False", check=False)
    assert result.returncode != 0
    assert "--config cluster=slurm" in result.stderr
    command(project, *words, "--config", "reports=False", "cluster=slurm")


def test_mistakes_in_several_files_end_a_dry_run_with_their_lines(project):
    edit(project, "config/experiments/smoke_uniform.yaml", "  lr: ", "  learning_rate: ")
    edit(project, "config/experiments/smoke_absorb.yaml", "steps: 60", "steps: -60")
    result = command(project, "snakemake", "--dry-run", *SMOKE, check=False)
    assert result.returncode != 0
    assert "smoke_uniform.yaml" in result.stderr
    assert "training.steps: must be at least 1, got -60" in result.stderr
    assert "training.learning_rate: unknown key" in result.stderr
    assert "[line " in result.stderr


def test_rules_and_package_spell_every_path_the_same():
    rules = "\n".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
    wild = {
        "tokens": str(paths.tokens_dir("{dataset}", "{tokenizer}", "{split}") / "tokens.bin"),
        "checkpoint": str(paths.run_dir("{experiment}") / "checkpoints" / "step_{step}.pt"),
        "samples": str(
            paths.run_dir("{experiment}")
            / "samples"
            / "step_{step}"
            / "{sampler}_{steps}{draws}.jsonl"
        ),
        "evaluation": str(
            paths.run_dir("{experiment}") / "eval" / "step_{step}" / "{dataset}.json"
        ),
        "judgements": str(paths.grid_file("{experiment}", 0, "{judge}")).replace(
            "step_0", "step_{step}"
        ),
        "mauve": str(paths.mauve_file("{experiment}", 0, "{task}")).replace(
            "step_0", "step_{step}"
        ),
        "table's figure": f"{paths.figure_stem('{table}')}.pdf",
        "curves": str(paths.curves_dir("{experiment}") / "train.csv"),
        "report": str(paths.report_file("{experiment}")),
        "numbers": str(paths.report_file("{experiment}").with_suffix(".json")),
        "figures": str(paths.figures_dir("{experiment}")),
        "compare": str(paths.comparison_file()),
        "overview": str(paths.front_page_file()),
        "trace": f"{paths.trace_stem('{experiment}', 0, '{sampler}', 0)}.json".replace(
            "step_0", "step_{step}"
        ).replace("_0.json", "_{steps}.json"),
        **{form: f"{paths.table_stem('{table}')}.{form}" for form in ("md", "csv", "tex", "html")},
    }
    for what, path in wild.items():
        assert f'"{path}"' in rules, f"no rule makes {what} as {path}"
    for log in ("sample/x.step_7.euler_3.log", "perplexity/x.step_7.d.log"):
        spelled = log.replace("x.", "{experiment}.").replace("step_7", "step_{step}")
        spelled = spelled.replace("euler_3", "{sampler}_{steps}{draws}").replace(
            ".d.", ".{dataset}."
        )
        assert f'"logs/{spelled}"' in rules, f"no rule keeps {spelled}"
    assert str(paths.sample_log("x", 7, "euler_3")) == "logs/sample/x.step_7.euler_3.log"
    assert str(paths.perplexity_log("x", 7, "d")) == "logs/perplexity/x.step_7.d.log"
    assert str(paths.checkpoint_file("x", 7)) == wild["checkpoint"].format(experiment="x", step=7)
    assert str(paths.samples_file("x", 7, "euler", 3)) == wild["samples"].format(
        experiment="x", step=7, sampler="euler", steps=3, draws=""
    )
    assert str(paths.samples_file("x", 7, "euler", 3, "float32")) == wild["samples"].format(
        experiment="x", step=7, sampler="euler", steps=3, draws="_float32"
    )
    assert str(paths.evaluation_file("x", 7, "d")) == wild["evaluation"].format(
        experiment="x", step=7, dataset="d"
    )


def test_every_rule_keeps_a_log_and_runs_one_verb():
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        for rule in re.split(r"^rule ", path.read_text(), flags=re.MULTILINE)[1:]:
            name = rule.split(":")[0]
            assert "    log:" in rule, f"{name} keeps no log"
            assert len(re.findall(r"\bsedd [a-z]+", rule)) == 1, f"{name} runs more than one verb"


def commands_in_comments() -> list[str]:
    found = []
    for path in sorted((ROOT / "config" / "experiments").glob("*.yaml")):
        if re.search("^pretrained:", path.read_text(), re.MULTILINE):
            continue  # no training and no page: `sedd evaluate`
        match = re.search(
            r"^# Command: +(snakemake .*?)(?: {2,}|$)", path.read_text(), re.MULTILINE
        )
        assert match, f"{path} does not say its command"
        found.append(match[1])
    return found


@pytest.mark.parametrize("words", commands_in_comments())
def test_the_command_in_the_head_of_an_experiment_plans_its_page(project, words):
    jobs = planned(project, *words.split()[1:])
    assert jobs["report"] == 1
    assert jobs["train"] >= 1


def test_a_file_of_an_experiment_outside_the_build_can_be_asked_for(project):
    # two checkpoints of its own, and two of the run that judges its texts
    assert planned(project, "--", "results/reports/smoke_absorb.html")["train"] == 4


def test_an_unknown_experiment_is_told_with_its_nearest_name(project):
    result = command(
        project, "snakemake", "--dry-run", "--", "results/reports/tiny_absorbb.html", check=False
    )
    assert result.returncode != 0
    assert "did you mean 'tiny_absorb'" in result.stdout + result.stderr
