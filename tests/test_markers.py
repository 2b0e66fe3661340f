"""The list of slow tests is current."""

import pytest
from helpers.slow import SLOW, TESTS


@pytest.mark.parametrize("path", SLOW)
def test_a_path_in_the_list_of_slow_tests_exists(path: str):
    assert (TESTS / path).exists(), f"tests/conftest.py: SLOW names a missing path {path}"
