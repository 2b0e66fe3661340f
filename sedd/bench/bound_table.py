"""Time to a bound as a Markdown table: one row per recipe, and the ratios."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from sedd.bench.time_to_bound import fastest
from sedd.runtime.markdown import Alignment, markdown_table

SIDES = ("official", "ours")
HEADINGS = ("recipe", "rate", "rates tried", "seeds", "steps", "CPU s", "CPU ms per step")
ALIGN: list[Alignment] = ["left", *["right" for _ in HEADINGS[1:]]]


def render_bound(measured: Mapping[str, Any]) -> str:
    """Settings, one row per recipe with the median and the range over seeds, and the ratios."""
    settings, model = measured["settings"], measured["model"]
    chosen = {name: best_rate_runs(measured, name) for name in SIDES}
    rows = [row(measured, name, chosen[name]) for name in SIDES]
    network = f"{model['hidden_size']} x {model['n_blocks']}, {model['n_heads']} heads"
    errors = [
        point["standard_error"]
        for runs in chosen.values()
        for run in runs
        if run["reached"] and (point := run["points"][-1])["standard_error"] is not None
    ]
    error = f" (standard error at most {max(errors):.4f})" if errors else ""
    return "\n".join(
        [
            f"{settings['experiment']}: {settings['graph']['type']}, {settings['vocab']:,} tokens, "
            f"length {settings['data']['length']}, network {network}, batch "
            f"{settings['recipes']['ours']['batch_size']}. Until {settings['until']:g} nats per token"
            f"{error} on {settings['sequences']} held-out sequences, {settings['draws']} draws each. "
            f"{measured['device']}, torch {measured['torch']}, sedd {measured['code_version']}.",
            "",
            markdown_table(HEADINGS, rows, ALIGN),
            "",
            ratios(chosen),
        ]
    )


def best_rate_runs(measured: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """All runs of a recipe with the rate that was fastest with the first seed."""
    runs = [run for run in measured["runs"] if run["side"] == name]
    best = fastest([run for run in runs if run["seed"] == measured["settings"]["seed"]])
    return [run for run in runs if best and run["rate"] == best["rate"]]


def row(measured: Mapping[str, Any], name: str, runs: Sequence[Mapping[str, Any]]) -> Sequence[str]:
    """One recipe."""
    tried = sorted({run["rate"] for run in measured["runs"] if run["side"] == name})
    rates = ", ".join(f"{rate:g}" for rate in tried) or "none"
    reached = [run["reached"] for run in runs if run["reached"]]
    if not reached:
        return [name, "none reached it", rates, "0", "", "", ""]
    milliseconds = [1000 * one["cpu_seconds"] / one["step"] for one in reached]
    some = f"{len(reached)} of {len(runs)} reached it"
    seeds = f"{len(reached)}" if len(reached) == len(runs) else some
    return [
        name,
        f"{runs[0]['rate']:g}",
        rates,
        seeds,
        spread(needed(runs, "step"), 0),
        spread(needed(runs, "cpu_seconds"), 1),
        f"{statistics.median(milliseconds):.1f}",
    ]


def needed(runs: Sequence[Mapping[str, Any]], key: str) -> list[float]:
    """Steps or CPU seconds until the target; infinite for a run that has not reached it."""
    return [run["reached"][key] if run["reached"] else math.inf for run in runs]


def spread(values: Sequence[float], digits: int) -> str:
    """Median, and lowest to highest if there are several."""
    median, lowest, highest = (
        f"{value:,.{digits}f}" if math.isfinite(value) else "not reached"
        for value in (statistics.median(values), min(values), max(values))
    )
    return median if len(values) == 1 else f"{median} ({lowest} - {highest})"


def ratios(chosen: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Official / ours, of medians over seeds, if these have reached the target."""
    medians = {
        key: [statistics.median(needed(chosen[name], key) or [math.inf]) for name in SIDES]
        for key in ("cpu_seconds", "step")
    }
    if not all(map(math.isfinite, [*medians["cpu_seconds"], *medians["step"]])):
        return "official / ours: not measured, because too few runs have reached the target"
    cpu, steps = (official / ours for official, ours in medians.values())
    late = any(not run["reached"] for runs in chosen.values() for run in runs)
    note = "; a run that has not reached the target is the slowest" if late else ""
    return f"official / ours: CPU seconds {cpu:.2f}, steps {steps:.2f} (medians over seeds{note})"
