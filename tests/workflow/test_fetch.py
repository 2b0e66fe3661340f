"""What comes from the internet is fetched where Snakemake runs: no job of a cluster reaches the hub."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from helpers.loopback_hub import Fault, hub_environment, serve
from helpers.project import BIN, ROOT, command

from sedd.config import load_experiment, load_subject
from sedd.results import checkpoint, fetched, vocabulary
from sedd.workflow import Build

LOCAL = "localrule: True"
SEDD = "results/fetched/model/louaaron--sedd-small.json"
GPT2 = "results/fetched/model/gpt2-large.json"
DATASET = """
description: rows of the hub
licence: made for tests
source: {type: hub, repo: owner/texts}
format: {type: rows, field: text}
splits: {type: named, test: test}
"""


def local_rules() -> set[str]:
    """The rules that run where Snakemake runs."""
    text = "\n".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
    blocks = re.split(r"^rule (\w+):$", text, flags=re.MULTILINE)[1:]
    return {name for name, block in zip(blocks[::2], blocks[1::2], strict=True) if LOCAL in block}


def test_no_cluster_job_of_the_paper_reaches_the_internet(project):
    words = ("--profile", "slurm", "--configfile", "config/paper.yaml", "--dry-run")
    output = command(project, "snakemake", *words, "--printshellcmds").stdout
    blocks = re.split(r"^rule (\w+):$", output, flags=re.MULTILINE)[1:]
    jobs = list(zip(blocks[::2], blocks[1::2], strict=True))
    fetching = [block for rule, block in jobs if rule.startswith("fetch_")]
    made = {path for block in fetching for path in re.findall(r"output: (\S+)", block)}
    assert {"results/fetched/texts/openwebtext/train.json", GPT2, SEDD} <= made
    assert all("HF_HUB_OFFLINE=$FETCH_OFFLINE sedd fetch --" in block for block in fetching)
    assert local_rules() >= {"fetch_texts", "fetch_repository", "train", "report"}
    on_nodes = {rule for rule, _ in jobs} - local_rules() - {"all"}
    assert on_nodes == {"tokenize", "sample", "trace", "perplexity", "generative", "mauve"}
    waited = {path for _, block in jobs for path in re.findall(r"results/fetched/[^, \n]+", block)}
    assert waited == made
    for rule, block in jobs:
        if rule == "tokenize" and "results/data/openwebtext/" in block:
            assert "input: config/datasets/openwebtext.yaml, results/fetched/texts/openw" in block
            assert re.search(
                r"--split (train --prepare validation|validation --prepare train) ", block
            )


def test_a_job_with_the_profile_reads_the_copy_that_was_fetched_and_asks_nothing(project, tmp_path):
    folder = tmp_path / "root/datasets/owner/texts"
    folder.mkdir(parents=True)
    rows = [{"text": f"row {n}"} for n in range(50)]
    (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (project / "config/datasets/remote.yaml").write_text(DATASET)
    target = "results/data/remote/text8/test/meta.json"
    asked = Fault("slow", "^/api/datasets/owner/texts$", seconds=0)
    words = [*("--profile", "slurm", "--executor", "local", "--cores", "1"), "--", target]
    with serve(tmp_path / "root", asked) as url:
        result = subprocess.run(
            [BIN / "snakemake", *words],
            env=hub_environment(url, tmp_path / "home"),
            cwd=project,
            capture_output=True,
            text=True,
        )
    assert result.returncode == 0, result.stderr
    assert json.loads((project / target).read_text())["num_documents"] == 50
    assert len(asked.seen) == 1  # `sedd tokenize` would ask for the newest commit, too


def test_jobs_wait_for_what_they_read(monkeypatch: pytest.MonkeyPatch, project):
    build = Build(Path("config/paper.yaml"))
    published = load_subject("sedd_small_published")
    for rule in ("sample", "perplexity", "mauve"):
        jobs = [job for job in build.jobs(rule) if job.wildcards.experiment == published.name]
        assert all(SEDD in job.inputs for job in jobs), rule
    judged = [job for job in build.jobs("generative") if job.wildcards.judge == "gpt2-large"]
    assert judged
    assert all(GPT2 in job.inputs for job in judged)
    texts = {"openwebtext": "train", "ptb": "test", "wiki": "test", "lm1b": "train"}
    found = {name: fetched.files_of_texts(name, split) for name, split in texts.items()}
    assert found.pop("wiki") == []  # in a package
    for name, files in found.items():
        assert files == [f"results/fetched/texts/{name}/{texts[name]}.json"]
    bert = "results/fetched/tokenizer/bert-base-uncased.json"
    lm1b = [job for job in build.jobs("tokenize") if job.wildcards.dataset == "lm1b"]
    assert lm1b
    assert all(bert in job.inputs or "gpt2" in job.outputs[0] for job in lm1b)
    assert fetched.files_of_tokenizer("gpt2") == []
    monkeypatch.setattr(fetched, "is_gpt2_installed", lambda: False)
    assert fetched.files_of_tokenizer("gpt2") == ["results/fetched/tokenizer/gpt2.json"]
    assert checkpoint.files_of_source("louaaron/sedd-small") == [SEDD]
    Path("louaaron/sedd-small").mkdir(parents=True)  # a folder of this project
    assert checkpoint.files_of_source("louaaron/sedd-small") == []


def test_the_default_build_fetches_nothing(project):
    build = Build()
    assert build.jobs("fetch_texts") == build.jobs("fetch_repository") == []


def test_a_vocabulary_is_learned_from_a_fetched_text(project: Path) -> None:
    Path("config/tokenizers/mine.yaml").write_text(
        "description: for a test\ntrain: bpe\nsize: 300\ndataset: wikitext2\n"
    )
    experiment = load_experiment("smoke_absorb", ["data.tokenizer=mine"], rename="x")
    assert {"dataset": "wikitext2", "split": "train"} in fetched.texts_jobs(experiment)
    assert vocabulary.inputs("mine") == ["results/fetched/texts/wikitext2/train.json"]
    assert vocabulary.files("mine") == ["results/tokenizers/mine/tokenizer.json"]
    assert vocabulary.files("bytes") == vocabulary.files("gpt2") == []
    assert vocabulary.declaration("bytes") == {"bytes": True}
