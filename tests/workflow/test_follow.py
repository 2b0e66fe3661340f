"""A build by what Snakemake prints: jobs, progress, the time left."""

import subprocess
import sys

import pytest

from sedd.workflow.follow import Followed, running_build
from sedd.workflow.screen import show, summary

LINES = """\
Job stats:
job           count
----------  -------
train             2
sample            4
all               1
total             7

Select jobs to execute...
[Sat Nov 28 14:42:32 2026]
localrule train:
    input: config/experiments/x.yaml
    log: LOG
    jobid: 10
    wildcards: experiment=x, step=30
[Sat Nov 28 14:42:32 2026]
rule sample:
    log: logs/sample/x.log
    jobid: 3
    wildcards: experiment=x, step=10
"""


@pytest.fixture
def followed(tmp_path):
    log = tmp_path / "train.log"
    log.write_text("started\ntrain x:  40%|####      | 12/30 [00:05<01:40, 5.0 step/s, loss=2.1]\n")
    state = Followed()
    for line in LINES.replace("LOG", str(log)).splitlines():
        state.read(line)
    return state


def test_running_jobs_have_the_progress_of_their_logs(followed):
    train, sample = followed.running["10"], followed.running["3"]
    assert (train.label, sample.label) == ("train x 30", "sample x 10")
    assert train.progress() == (0.4, 100.0)
    assert sample.progress() == (None, None)
    assert (followed.done, followed.total) == (0, 7)


def test_ended_and_failed_jobs_run_no_longer(followed):
    for line in ("Finished jobid: 3 (Rule: sample)", "1 of 7 steps (14%) done"):
        followed.read(line)
    assert set(followed.running) == {"10"}
    assert (followed.done, followed.total) == (1, 7)
    log = "a/b.log (check log file(s) for error details)"
    for line in ("Error in rule train:", "    message: None", "    jobid: 10", f"    log: {log}"):
        followed.read(line)
    assert not followed.running
    (failed,) = followed.failed
    assert (failed.label, failed.log and failed.log.name) == ("train x 30", "train.log")


def test_the_time_left_is_that_of_waiting_and_of_running_jobs(followed):
    followed.running["3"].start -= 10  # it took ten seconds
    followed.read("Finished jobid: 3 (Rule: sample)")
    # one more training, three texts and the end at ten seconds each, beside 100 of the running one
    assert followed.seconds_left(cores=1) == pytest.approx(150, abs=1)
    assert followed.seconds_left(cores=2) == pytest.approx(100, abs=1)
    assert Followed().seconds_left(cores=1) is None


def test_a_finished_build_has_nothing_to_do():
    state = Followed()
    state.read("Nothing to be done (all requested files are present and up to date).")
    assert summary(state, cores=1, start=0.0) == "everything is built: nothing to do"


def test_without_a_terminal_a_line_is_printed_and_everything_is_kept(tmp_path, capsys):
    lines = [f"{line}\n" for line in [*LINES.splitlines(), "7 of 7 steps (100%) done"]]
    with (tmp_path / "log").open("w") as log:
        show(lines, log)
    assert capsys.readouterr().err.splitlines()[-1] == "7 of 7 jobs done in 0:00"
    assert (tmp_path / "log").read_text() == "".join(lines)


def test_a_running_build_of_this_folder_is_found(tmp_path):
    assert running_build(tmp_path) is None
    program = tmp_path / "snakemake"
    program.write_text("import time; time.sleep(60)")
    with subprocess.Popen([sys.executable, str(program)], cwd=tmp_path) as process:
        try:
            assert running_build(tmp_path) == process.pid
            assert running_build(tmp_path.parent) is None
        finally:
            process.kill()
