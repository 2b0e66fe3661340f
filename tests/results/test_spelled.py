"""Numbers too large for a float, and numbers without an error."""

from __future__ import annotations

import json
import math

from helpers.fake_results import evaluation
from hypothesis import given
from hypothesis import strategies as st

from sedd.results.perplexity import PerplexityResult
from sedd.results.spelled import LARGEST_NATS, perplexity_of, product, spell

NATS = st.floats(0, 1e6) | st.floats(LARGEST_NATS - 1, LARGEST_NATS + 1)


@given(NATS, st.none() | st.floats(0, 1e6))
def test_a_record_of_any_nats_is_written_read_and_told_in_one_line(nats, error):
    content = evaluation("run", 7, "wiki", nats_per_token=0.0) | {
        "nats_per_token": nats,
        "standard_error": error,
        "perplexity": perplexity_of(nats),
        "bits_per_character_standard_error": error,
    }
    result = PerplexityResult.model_validate_json(json.dumps(content, allow_nan=False))
    assert (result.perplexity is None) == (nats > LARGEST_NATS)
    assert result.perplexity_standard_error is None or math.isfinite(
        result.perplexity_standard_error
    )
    line = result.summary()
    assert "inf" not in line
    assert "nan" not in line
    assert ("±" in line) == (error is not None)
    if nats > LARGEST_NATS:
        assert f"<= e^{nats:.1f}" in line


def test_numbers_are_spelled_with_their_error_if_they_have_one():
    assert spell(51.2, 0.314) == "51.20 ± 0.31"
    assert spell(51.2, None) == "51.20"
    assert spell(None, None, nats=812.34) == "e^812.3"
    assert spell(None, None) == "too large"
    assert product(1e200, 1e200) is None
    assert product(None, 2.0) is None
