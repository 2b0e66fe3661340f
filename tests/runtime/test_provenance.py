import subprocess

import pytest
from helpers.project import ROOT

from sedd.runtime.provenance import code_version


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
def test_the_code_version_names_the_commit_of_the_checkout():
    command = ["git", "rev-parse", "--short=12", "HEAD"]
    commit = subprocess.check_output(command, cwd=ROOT, text=True).strip()
    assert f"+{commit}" in code_version()
