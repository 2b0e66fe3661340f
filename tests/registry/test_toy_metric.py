"""A metric of tables registered from outside the package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.fake_results import write_evaluation
from helpers.report_project import TABLE, lay_out

from sedd.errors import ConfigError
from sedd.registry import METRICS, MetricInfo
from sedd.report import make_table
from sedd.report.table.metrics import Number
from sedd.report.table.write import FORMATS
from sedd.results.perplexity import PerplexityResult


def nats(result: PerplexityResult, row: object) -> Number:
    return Number(result.nats_per_token, result.standard_error, result.bound)


@pytest.fixture(autouse=True)
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project whose table `mine` asks for the metric `nats`."""
    monkeypatch.chdir(lay_out(tmp_path))
    mine = TABLE.replace("metric: perplexity", "metric: nats")
    Path("config/tables/mine.yaml").write_text(mine)
    write_evaluation("run", 200, "wiki")


@pytest.fixture
def registered() -> Iterator[None]:
    METRICS.add(
        "nats",
        MetricInfo(
            description="nats per token",
            implementation=f"{__name__}:nats",
            result="perplexity",
            column_key="dataset",
            error_over="sequences and times",
            decimals=3,
        ),
    )
    yield
    METRICS.remove("nats")


@pytest.mark.usefixtures("registered")
def test_a_registered_metric_fills_a_table() -> None:
    table = make_table("mine")
    text = FORMATS["md"](table)
    assert table.metric.description == "nats per token"
    assert "| **ours** | Ours | ≤ 4.000 ± 0.010 |" in text.splitlines()


def test_an_unregistered_metric_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"metric: must be .* or mauve, got the text 'nats'"):
        make_table("mine")
