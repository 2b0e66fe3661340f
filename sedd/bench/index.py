"""Page of all measurements in a folder: the table of its JSON files, then its other pages.

`python -m sedd.bench.index results/benchmarks` writes results/benchmarks/README.md.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sedd.bench.bound_table import render_bound
from sedd.bench.table import mebibytes
from sedd.runtime.atomic import write_text
from sedd.runtime.markdown import Alignment, markdown_table

HEAD = """\
# Speed and memory

One row for each file. Both paths take turns in one run (`sedd bench --plain`): `fast` is this
package, `plain` computes the same numbers in the straightforward way. Times are medians, for one
step. CPU time is the time that the process used on the CPUs; it is more reliable than wall time on
a busy machine. Memory is the peak of one run minus the memory in use before it. The JSON files hold
all other details.

On a CPU each path runs in its own process. Every verb sets the C library to keep freed memory
(`sedd.runtime.memory`), and so does the fast path. The plain path keeps the default: it returns
large blocks to the system at once and waits while the system clears new ones. This wait is part of
the ratios, and is long where tables are large. To remove it from both paths, set
`MALLOC_TRIM_THRESHOLD_=17179869184` and `MALLOC_MMAP_THRESHOLD_=1073741824` in the environment.

The fast bound passes several draws through the network together, up to 4,096 tokens. With a small
vocabulary this takes less time but more memory than one draw after another.

To measure again: `bash results/benchmarks/measure_cpu.sh`. On a GPU: `bash results/benchmarks/measure_gpu.sh`, which goes on
when a step fails, and prints each result as it comes; no GPU has been measured yet.

"""
BOUND_HEAD = """\
## Time to a bound

What a user waits for is the time until the model is as good. `sedd bench bound` trains one network
with the paper's recipe (`official`) and with that of an experiment (`ours`), on the same data and in
the same batches, until the held-out bound reaches a target; `sedd bench bound --help` says what
each recipe is and how the bound is measured. Each recipe searched its learning rate with one seed.
CPU seconds are those of training alone, in one thread. Cells are medians over seeds (lowest -
highest).

What `ours` changes, beside the rate: times are stratified, drawn with density 1 / t, and none is below
0.02 or, for the uniform graph, 0.1; AdamW's beta2 is 0.99; the average decays by 0.995; the rate falls
over the last 0.3 or 0.4 of the steps. An absorbing model begins with the frequencies of the tokens
(`training.output_init`); a uniform one has log-linear noise. With the vocabulary of GPT-2 the loss is
estimated from drawn tokens (`training.vocabulary_draws`), and a uniform model begins with equal rows.
`measure_bound.sh` has all settings. They were chosen in short trials on the same held-out text with seed
1, which favors `ours`. Other programs ran part of the time.

Targets: the frequencies alone have 2.86 nats per token of characters and 7.32 with the vocabulary of
GPT-2. With the latter, the target of the uniform graph is above them: in short trials, neither
recipe came below. Standard errors cover texts and noise; the texts are the same on
both sides. Noise alone adds 0.008 to the absorbing bound with the vocabulary of GPT-2. There, only two
seeds of the paper's recipe were trained; the second had not reached the target after 1,500 steps and
1,368 CPU seconds."""
PAGE = "README.md"
WHAT = ("work", "graph", "network", "tokens", "length", "batch", "device")
MEASURED = (
    "plain ms",
    "fast ms",
    "time ratio",
    "CPU-time ratio",
    "plain memory",
    "fast memory",
    "memory ratio",
)


def index(folder: Path) -> str:
    """A Markdown page: one row, in order of file name, for each JSON file with plain and fast code;
    then the text of each other Markdown file.
    """
    rows = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    bounds = [row for row in rows if "runs" in row]
    lines = [cells(row) for row in rows if row.get("plain_to_fast")]
    headings = WHAT + MEASURED
    align: list[Alignment] = ["right" if one in MEASURED else "left" for one in headings]
    page = [f"{HEAD}{markdown_table(headings, lines, align)}"]
    if bounds:
        page += [BOUND_HEAD, *map(render_bound, bounds)]
    others = [path for path in sorted(folder.glob("*.md")) if path.name != PAGE]
    page += [path.read_text().rstrip() for path in others]
    return "\n\n".join(page) + "\n"


def cells(measured: Mapping[str, Any]) -> list[str]:
    """One row."""
    settings, model, ratio = (measured[key] for key in ("settings", "model", "plain_to_fast"))
    steps, paths = settings["steps"], measured["results"]
    name = f"{model['hidden_size']} x {model['n_blocks']}, {model['n_heads']} heads"
    compiled = ", compiled" if settings["compile"] else ""
    stratified = "evaluation.estimator=stratified" in settings["overrides"]
    return [
        settings["work"] + (", stratified" if stratified else ""),
        settings["graph"],
        name + compiled,
        f"{settings['vocab']:,}",
        str(settings["length"]),
        str(settings["batch"]),
        f"{measured['device']}, torch {measured['torch']}",
        *(f"{1000 * paths[path]['median_seconds'] / steps:,.1f}" for path in ("plain", "fast")),
        f"{ratio['time']:.2f}",
        f"{ratio['cpu_time']:.2f}",
        *(mebibytes(paths[path]["peak_memory_bytes"]) for path in ("plain", "fast")),
        "unknown" if ratio["memory"] is None else f"{ratio['memory']:.2f}",
    ]


if __name__ == "__main__":
    target = Path(sys.argv[1])
    write_text(target / PAGE, index(target))
