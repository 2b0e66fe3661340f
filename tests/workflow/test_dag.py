"""What would run, and what an edit runs again: dry runs of the real rules."""

import re
from pathlib import Path

import pytest
from helpers.project import ROOT, command, planned

from sedd import paths
from sedd.config import (
    Experiment,
    draw_settings,
    load_project,
    load_subject,
    measured_steps,
    sampling_steps,
)
from sedd.results import checkpoint, generative, mauve, perplexity, samples, tokens, trace
from sedd.workflow.rules import rules

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
    judged = {(e.name, steps[e.name][-1], *way) for e in everything for way in draw_settings(e)}
    assert jobs["train"] == sum(len(steps[e.name]) for e in experiments)
    assert jobs["sample"] == len(shown | judged)
    assert jobs["perplexity"] == sum(
        len(measured[e.name]) * len(e.evaluation.datasets) for e in everything
    )
    assert jobs["generative"] == sum(bool(draw_settings(e)) for e in everything)
    assert jobs.get("mauve", 0) == sum(len(e.mauve.tasks) for e in everything)
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


def test_a_model_is_tuned_after_the_one_that_it_begins_with_is_trained(project):
    words = ["--config", "experiments=[tiny_finetune_kjv]", "tables=[]", "--", "checkpoints"]
    output = command(project, "snakemake", "--dry-run", *words).stdout
    (job,) = re.findall(r"input: (.*)\n\s+output: results/runs/tiny_finetune_kjv/check", output)
    (last,) = checkpoint.files(load_subject("tiny_absorb"))
    assert last in job
    assert planned(project, *words)["train"] == 1 + len(measured_steps(load_subject("tiny_absorb")))


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


def test_rules_and_package_spell_every_output_the_same():
    text = "\n".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
    blocks = re.split(r"^rule (\w+):$", text, flags=re.MULTILINE)[1:]
    texts = dict(zip(blocks[::2], blocks[1::2], strict=True))
    assert texts.keys() == rules().keys()
    for name, rule in rules().items():
        outputs = texts[name].partition("output:")[2].partition("log:")[0]
        literal = re.findall(r'"(results/[^"]*)"', outputs)
        assert sorted(literal) == sorted(rule.outputs), name


def test_paths_of_results_are_those_of_the_rules():
    names = {key: "{" + key + "}" for key in ("experiment", "step", "dataset", "judge", "task")}
    run, step = names["experiment"], names["step"]
    assert str(paths.checkpoint_file(run, step)) == checkpoint.PATH
    assert str(paths.evaluation_file(run, step, names["dataset"])) == perplexity.PATH
    assert str(paths.grid_file(run, step, names["judge"])) == generative.PATH
    assert str(paths.mauve_file(run, step, names["task"])) == mauve.PATH
    assert str(paths.tokens_dir("{dataset}", "{tokenizer}", "{split}")) == tokens.PATH
    assert f"{paths.trace_stem(run, step, '{sampler}', '{steps}')}.json" == trace.PATH
    drawn = samples.PATH.replace("{draws}", "_float32")
    assert str(paths.samples_file(run, step, "{sampler}", "{steps}", "float32")) == drawn
    assert str(paths.samples_file(run, step, "{sampler}", "{steps}")) == samples.PATH.replace(
        "{draws}", ""
    )


def test_pages_find_the_logs_of_the_rules():
    text = "\n".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
    for log in (
        paths.sample_log("{experiment}", "{step}", "{sampler}_{steps}{draws}"),
        paths.perplexity_log("{experiment}", "{step}", "{dataset}"),
    ):
        assert f'"{log}"' in text, f"no rule writes {log}"
