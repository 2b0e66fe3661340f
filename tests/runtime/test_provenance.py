"""The code version that results record."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.project import ROOT

PROGRAM = "from sedd.runtime.provenance import code_version; print(code_version())"


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    return subprocess.check_output(["git", *who, *words], cwd=folder, text=True).strip()


def version_in(checkout: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    words = [sys.executable, "-c", PROGRAM]
    return subprocess.check_output(words, cwd=checkout, env=environment, text=True).strip()


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
def test_the_code_version_changes_with_the_package_alone(tmp_path):
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(ROOT), str(clone))
    commit = git(clone, "log", "-1", "--format=%h", "--abbrev=12", "--", "sedd")
    version = version_in(clone)
    assert version.endswith(f"+{commit}")

    with (clone / "README.md").open("a") as readme:
        readme.write("more\n")
    assert version_in(clone) == version
    git(clone, "commit", "--quiet", "--all", "--message", "Text")
    assert version_in(clone) == version

    with (clone / "sedd/errors.py").open("a") as module:
        module.write("# more\n")
    assert version_in(clone) == f"{version}-dirty"
    git(clone, "commit", "--quiet", "--all", "--message", "Code")
    assert version_in(clone) not in (version, f"{version}-dirty")
