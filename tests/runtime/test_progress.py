from sedd.runtime import progress as module
from sedd.runtime.progress import progress


def test_a_log_file_gets_plain_lines_with_rate_and_remaining_time(capsys, monkeypatch):
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LINES", 0.0)
    with progress("train x", 100, "step", initial=40) as bar:
        bar.note(loss="5.31")
        bar.update(20)
    lines = capsys.readouterr().err.splitlines()
    assert "40/100" in lines[0]
    assert len(lines) == 3
    assert all("train x" in line and "60/100" in line and "loss=5.31" in line for line in lines[1:])
    assert "step/s" in lines[1]
    assert "<" in lines[1]  # elapsed<remaining


def test_work_done_before_does_not_count_in_the_rate(capsys, monkeypatch):
    start = module.time.monotonic()
    clock = iter([start])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock, start + 10))
    with progress("resumed", 1000, "step", initial=900) as bar:
        bar.update(20)
    assert "2.00 step/s" in capsys.readouterr().err.splitlines()[-1]
