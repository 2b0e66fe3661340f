"""Rate and memory of `sedd tokenize` beside a short script with the same library.

Example: python results/benchmarks/measure_tokenize.py --copies 4

Both write the GPT-2 tokens of the Wikipedia leads, repeated, with one and with two processes of one
thread each; the tokens must be equal. They take turns. Each run prints a line of JSON: its seconds,
its CPU seconds with those of its processes, and the largest sum of resident memory of these
processes. 11 copies take 90 CPU seconds per round, and 130 MB of disk for texts and tokens.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from importlib.metadata import version
from pathlib import Path

from sedd.config import load_dataset
from sedd.data.sources import documents
from sedd.runtime.json_text import json_text
from sedd.runtime.provenance import now

HERE = Path(__file__).parent
DATASET = """
description: texts repeated
licence: that of the texts
source: {type: file, files: {all: texts.jsonl}}
format: {type: jsonl, field: text}
splits: {type: hash, validation: 0, test: 0}
"""


def measure(command: list[str], folder: Path) -> dict[str, float]:
    """Seconds, CPU seconds and peak MiB of a command and its children."""
    environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false", "PYTHONHASHSEED": "0"}
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL)
    peak = 0
    is_over = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not is_over.wait(0.2):
            peak = max(peak, sum(map(resident, family(process.pid))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    _, status, usage = os.wait4(process.pid, 0)
    is_over.set()
    watcher.join()
    assert status == 0, command
    return {
        "seconds": time.perf_counter() - start,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mib": peak / 2**20,
    }


def family(pid: int) -> list[int]:
    """A process and all below it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(one for child in children for one in family(int(child)))]


def resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--copies",
        type=int,
        default=11,
        help="of the texts, each 4.4 million characters (default: %(default)s)",
    )
    parser.add_argument(
        "--rounds", type=int, default=1, help="turns of each command (default: %(default)s)"
    )
    options = parser.parse_args()
    texts = list(documents(load_dataset("wiki"), "train"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config/datasets").mkdir(parents=True)
        (folder / "config/datasets/repeated.yaml").write_text(DATASET)
        lines = "".join(json_text({"text": text}) + "\n" for text in texts)
        with (folder / "texts.jsonl").open("w") as file:
            for _ in range(options.copies):
                file.write(lines)
        characters = options.copies * sum(map(len, texts))
        ours = folder / "results/data/repeated/gpt2/train/tokens.bin"
        sedd = [
            sys.executable,
            "-m",
            "sedd",
            "tokenize",
            "--dataset",
            "repeated",
            "--split",
            "train",
        ]
        for number in range(options.rounds):
            for processes in (1, 2):
                plain = [
                    sys.executable,
                    f"{HERE / 'tokenize_plain.py'}",
                    "texts.jsonl",
                    "plain.bin",
                ]
                runs = {
                    "plain": [*plain, f"{processes}"],
                    "sedd": [*sedd, "--force", "--processes", f"{processes}"],
                }
                for what, command in runs.items():
                    one = measure(command, folder)
                    one |= {"what": what, "processes": processes, "round": number}
                    one["characters_per_cpu_second"] = characters / one["cpu_seconds"]
                    print(json_text(one), flush=True)
                assert ours.read_bytes() == (folder / "plain.bin").read_bytes(), "tokens differ"
    print(
        f"{characters:,} characters; {platform.machine()}, {os.cpu_count()} CPUs, "
        f"Python {platform.python_version()}, tokenizers {version('tokenizers')}, {now()}"
    )


if __name__ == "__main__":
    main()
