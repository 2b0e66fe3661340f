"""The list of slow tests."""

from pathlib import Path

TESTS = Path(__file__).parents[1]
SLOW = (
    "bench/test_bench.py",
    "bench/test_measure.py",
    "bench/test_measure_gpu.py",
    "bench/test_time_to_bound.py",
    "checkpoints",
    "cli/test_bad_inputs.py",
    "cli/test_cli.py",
    "cli/test_hostile_options.py",
    "cli/test_hostile_terminal.py",
    "cli/test_output_files.py",
    "cli/test_push.py",
    "config/test_names.py",
    "config/test_resolved.py",
    "data/test_hub.py",
    "data/test_tokenize_killed.py",
    "data/test_tokenizers.py",
    "diffusion/test_float32.py",
    "diffusion/test_gibbs.py",
    "diffusion/test_score_shift.py",
    "evaluate",
    "launch",
    "report/test_figures.py",
    "report/test_hostile_text.py",
    "report/test_in_a_browser.py",
    "report/test_pages_of_all_runs.py",
    "report/test_report_page.py",
    "report/test_table_forms.py",
    "runtime/test_lock.py",
    "runtime/test_memory.py",
    "sampling",
    "slurm",
    "train",
    "workflow",
)
"""Folders and files that take more than about 4 seconds of CPU time. `make check` leaves them out."""
