"""Time training steps by how threads wait, also beside one more busy program; print a Markdown table.

Example: python results/benchmarks/measure_threads.py

Two threads wait for each other by spinning (OpenMP's default) or by sleeping (that of every verb); a
third setting has one thread. Each setting has a process of its own. The processes take turns, and
one of them runs at a time, so their ratios are meaningful on a busy machine too. The other program
is started by this script: it keeps two threads busy in the second half. The table has the time and
the CPU time of a step, medians of 7 turns.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sedd.runtime.markdown import markdown_table

SETTINGS = {
    "2 threads, spinning": ("2", {}),
    "2 threads, sleeping": ("2", {"OMP_WAIT_POLICY": "PASSIVE"}),
    "1 thread": ("1", {}),
}
NETWORKS = {
    "32 x 2": ["model.hidden_size=32", "model.n_blocks=2", "model.n_heads=2", "model.cond_dim=16"],
    "256 x 4": [
        "model.hidden_size=256",
        "model.n_blocks=4",
        "model.n_heads=4",
        "model.cond_dim=128",
    ],
}
SHAPES = {"32 x 2": (32, 8, 10), "256 x 4": (128, 8, 2)}  # length, batch, steps of a turn
TURNS = 7
NEIGHBOR = "import torch; torch.set_num_threads(2); a = torch.randn(600, 600)\nwhile True: a @ a"


def work(network: str, threads: str) -> None:
    """Time a turn of training steps for each line on standard input."""
    import torch

    from sedd.bench import BenchOptions
    from sedd.bench.work import prepare

    torch.set_num_threads(int(threads))
    length, batch, steps = SHAPES[network]
    options = BenchOptions(
        "train", vocab=27, length=length, batch=batch, overrides=tuple(NETWORKS[network])
    )
    run = prepare(options, torch.device("cpu"), plain=False)
    run(steps)
    print("ready", flush=True)
    for _ in sys.stdin:
        start, cpu = time.perf_counter(), time.process_time()
        run(steps)
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        print(wall / steps, cpu / steps, flush=True)


def worker(network: str, threads: str, variables: dict[str, str]) -> subprocess.Popen[str]:
    names = ("OMP_WAIT_POLICY", "OMP_NUM_THREADS", "GOMP_SPINCOUNT")
    own = {name: value for name, value in os.environ.items() if name not in names}
    words = [sys.executable, __file__, "--work", network, threads]
    pipe = subprocess.PIPE
    process = subprocess.Popen(words, stdin=pipe, stdout=pipe, env=own | variables, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def turn(process: subprocess.Popen[str]) -> list[float]:
    """Seconds and CPU seconds per step."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return [float(word) for word in process.stdout.readline().split()]


@contextmanager
def neighbor(is_there: bool) -> Iterator[None]:
    """Another program that keeps two threads busy."""
    if not is_there:
        yield
        return
    own = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    process = subprocess.Popen([sys.executable, "-c", NEIGHBOR], env=own)
    time.sleep(5)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def rows(network: str) -> Iterator[list[str]]:
    workers = {name: worker(network, *setting) for name, setting in SETTINGS.items()}
    measured = {}
    for busy in (False, True):
        with neighbor(busy):
            for _ in range(TURNS):
                for name, process in workers.items():
                    measured.setdefault((name, busy), []).append(turn(process))
    for process in workers.values():
        process.communicate()
    for name in SETTINGS:
        cells = []
        for busy in (False, True):
            wall, cpu = (
                statistics.median(one[i] for one in measured[name, busy]) for i in range(2)
            )
            cells += [f"{1e3 * wall:,.1f} ms", f"{1e3 * cpu:,.1f} ms"]
        yield [network, name, *cells]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)  # of one setting
    if of := parser.parse_args().work:
        work(*of)
    else:
        headings = ["network", "threads", "time", "CPU time", "one more program: time", "CPU time"]
        lines = [row for network in NETWORKS for row in rows(network)]
        print(markdown_table(headings, lines, ["left", "left", *["right"] * 4]))
