"""Copy the small results of a build to results/published/, which git keeps.

`python -m sedd.report.publish config/config.yaml` writes results/published/default/: the tables as
Markdown, CSV and LaTeX, the numbers of each run, its first texts, and README.md, which says where
and when they were made. A build writes none of these files.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from pathlib import Path

from sedd.config import AnyExperiment, load_project, load_subject, measured_steps
from sedd.errors import DataError, SeddError
from sedd.paths import CONFIG, RESULTS, report_file, table_stem
from sedd.results import perplexity, samples
from sedd.results.perplexity import PerplexityResult
from sedd.results.spelled import spell
from sedd.runtime.atomic import replacing, write_text
from sedd.runtime.markdown import code, code_block, escape_markdown, markdown_table
from sedd.runtime.provenance import now

NUM_TEXTS = 5  # of each run: the first ones, unchosen
DEFAULT = CONFIG / "config.yaml"


def publish(config: Path) -> Path:
    """Publish the results of the build that `config` describes, and return their folder.

    Raises DataError that names every missing file.
    """
    project = load_project(config)
    subjects = [load_subject(name) for name in project.experiments]
    tables = [
        Path(f"{table_stem(name)}.{form}")
        for name in project.tables
        for form in ("md", "csv", "tex")
    ]
    numbers = [report_file(name).with_suffix(".json") for name in project.experiments]
    files = [*tables, *(numbers if project.reports else [])]
    if absent := [str(file) for file in files if not file.is_file()]:
        what = f"missing: {', '.join(absent)}; build first: snakemake --configfile {config}"
        raise DataError(f"{config}: {what}")
    folder = RESULTS / "published" / ("default" if config == DEFAULT else config.stem)
    for old in folder.glob("*"):
        old.unlink()
    for file in files:
        with replacing(folder / file.name) as copy:
            shutil.copyfile(file, copy)
    write_text(folder / "samples.md", _texts(config, subjects))
    write_text(folder / "README.md", _readme(config, subjects))
    return folder


def _readme(config: Path, subjects: list[AnyExperiment]) -> str:
    results = [result for subject in subjects for result in _measured(subject)]
    machines = dict.fromkeys(result.provenance.device for result in results)
    versions = dict.fromkeys(result.provenance.code_version for result in results)
    times = sorted(result.provenance.created for result in results)
    facts = [
        ("measured", f"{times[0]} to {times[-1]}" if times else "nothing yet"),
        ("device", ", ".join(machines)),
        ("code", ", ".join(versions)),
        ("published", f"{now()} on {platform.system()} {platform.machine()}, {_processor()}"),
        ("Python, PyTorch", f"{platform.python_version()}, {importlib.metadata.version('torch')}"),
    ]
    lines = [
        [
            code(one.experiment),
            escape_markdown(one.dataset),
            f"{'≤ ' if one.bound else ''}"
            + spell(one.bits_per_character, one.bits_per_character_standard_error, ".3f"),
            f"{'≤ ' if one.bound else ''}"
            + spell(one.perplexity, one.perplexity_standard_error, ",.2f", one.nats_per_token),
        ]
        for one in results
    ]
    command = "make publish" if config == DEFAULT else f"make publish CONFIG={config}"
    parts = [
        f"# Results of {config}",
        f"Written by `{command}` after a build; a build changes no file here. "
        f"`TABLE.md`, `.csv` and `.tex` are its tables, `RUN.json` the numbers of each run, and "
        f"[samples.md](samples.md) has the first {NUM_TEXTS} texts of each run, unchosen.",
        markdown_table(["what", "value"], [[key, escape_markdown(text)] for key, text in facts]),
        markdown_table(
            ["run", "text", "bits per character", "perplexity per token"],
            lines,
            ["left", "left", "right", "right"],
        ),
        "≤: upper bound. ±: one standard error of measuring this one training; see each table.",
    ]
    return "\n\n".join(parts) + "\n"


def _measured(subject: AnyExperiment) -> list[PerplexityResult]:
    """The perplexities of the last checkpoint."""
    step = measured_steps(subject)[-1]
    found = [perplexity.read(subject.name, step, text) for text in subject.evaluation.datasets]
    return [result for result in found if result is not None]


def _texts(config: Path, subjects: list[AnyExperiment]) -> str:
    parts = [f"# Texts of {config}", f"The first {NUM_TEXTS} texts of each run, unchosen."]
    for subject in subjects:
        path = Path(samples.file_of(subject, measured_steps(subject)[-1]))
        if path.is_file():
            texts = [one.text for one in samples.read(path)[:NUM_TEXTS]]
            parts += [f"## {escape_markdown(subject.name)}", f"From {code(str(path))}."]
            parts += [code_block(text, "text") for text in texts]
    return "\n\n".join(parts) + "\n"


def _processor() -> str:
    """Name of the processor and number of its cores, as far as the system tells."""
    name = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = info.read_text().splitlines()
        name = next((line.split(":")[1].strip() for line in lines if "model name" in line), name)
    return f"{name or 'unknown processor'}, {os.cpu_count()} cores"


if __name__ == "__main__":
    try:
        print(publish(Path(sys.argv[1])))
    except SeddError as error:
        sys.exit(f"sedd: {error}")
