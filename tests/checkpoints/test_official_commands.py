"""README's table for users of the official code: every command runs, on small models."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.loopback_hub import hub_environment, serve
from helpers.project import ROOT
from helpers.published_model import published_model

ROWS = re.findall(
    r"^\| (.+) \| (.+) \|$",
    (ROOT / "README.md")
    .read_text(encoding="utf-8")
    .partition("## Coming from the official code")[2]
    .partition("\n## ")[0],
    re.MULTILINE,
)[1:]
OFFICIAL = [
    *("run_sample.py --model_path", "run_sample_cond.py", "--prefix", "--suffix"),
    *("run_train.py", "-m", "ngpus", "training.accum", "noise.type", "graph.type", "model"),
    *("model.scale_by_sigma", "exp_local/DATE/TIME", ".hydra/config.yaml", "checkpoints-meta"),
    "samples/iter_",
]
SHAPE = "{hidden_size: 16, n_blocks: 1, n_heads: 2, cond_dim: 8, dropout: 0.1}"
EXPERIMENT = f"""
description: a small model in place of a large one
model: {SHAPE}
graph: {{type: GRAPH}}
noise: {{type: loglinear}}
data: {{dataset: corpus, tokenizer: text8, length: 16}}
training:
  {{steps: 4, batch_size: 4, warmup_steps: 1, checkpoint_every: 4, validate_every: 4,
   validation_sequences: 4}}
sampling: {{steps: 2, count: 3}}
"""
CLUSTER = """
description: jobs on this machine in place of a cluster
executor: local
cpus_per_task: 1
mem_gb: 4
hours: 1
"""
RUN_ALL = """
import json, shlex, sys
from sedd.cli import main

for line in json.loads(sys.argv[1]):
    sys.argv = shlex.split(line)
    print("$", line, flush=True)
    try:
        main()
    except SystemExit as exit:
        print("exit", exit.code, flush=True)
"""


def commands() -> list[str]:
    """The command of each row."""
    return [re.search(r"`(sedd .+?)`", here)[1] for _, here in ROWS]  # type: ignore[index]


def test_the_table_has_the_commands_and_keys_of_the_official_code() -> None:
    theirs = " ".join(one for one, _ in ROWS)
    assert [word for word in OFFICIAL if word not in theirs] == []
    assert len(commands()) == len(ROWS) == 9


@pytest.mark.usefixtures("corpus")
def test_every_command_of_the_table_runs(tmp_path: Path) -> None:
    Path("config/model/medium.yaml").write_text(SHAPE[1:-1].replace(", ", "\n"))
    for name, graph in (("sedd_small_absorb", "absorb"), ("sedd_small_uniform", "uniform")):
        text = EXPERIMENT.replace("GRAPH", graph)
        Path(f"config/experiments/{name}.yaml").write_text(text)
    Path("config/experiments/sedd_small_published.yaml").unlink()  # samples 1000 long texts
    Path("config/cluster/slurm.yaml").write_text(CLUSTER)
    published_model(tmp_path / "root/models/louaaron/sedd-small")
    published_model(Path("exp_local/openwebtext/2024.03.01/120000"), "experiment")
    with serve(tmp_path / "root") as url:
        result = subprocess.run(
            [sys.executable, "-c", RUN_ALL, json.dumps(commands())],
            env=hub_environment(url, tmp_path / "home"),
            capture_output=True,
            text=True,
        )
    outputs = dict(re.findall(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", result.stdout, re.MULTILINE))
    assert list(outputs) == commands()
    failed = {line: output for line, output in outputs.items() if "exit 0" not in output}
    assert not failed, result.stderr
    runs = Path("results/runs")
    for run in ("sedd_small_absorb", "sedd_small_uniform", "mine"):
        assert (runs / run / "checkpoints/step_4.pt").is_file(), run
    assert (runs / "sedd_small_uniform/jobs/job.json").is_file()
    assert "type: geometric" in (runs / "mine/config.yaml").read_text()
    assert len((runs / "drawn/samples/step_4/analytic_2.jsonl").read_text().splitlines()) == 2
    first = outputs[commands()[0]].splitlines()
    assert len(first[1].split()) == 24  # the published model's words
