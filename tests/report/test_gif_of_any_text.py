"""The animation of a trace, whatever its tokens are."""

from pathlib import Path

from PIL import Image

from sedd.report.figure.gif import write_gif
from sedd.results.trace import build_trace

# controls, separators of lines and paragraphs, directions of writing, other scripts, no text at all
CODES = [*range(0x20), *range(0x7F, 0xA1), *range(0x2028, 0x2030), *range(0x2066, 0x206A)]
TEXTS = [*map(chr, CODES), "\ufeff", "\ufffd", "中文", "العربية", "🙂", "a\u0301", ""]


def test_every_text_of_a_token_can_be_drawn(tmp_path: Path) -> None:
    about = {
        "experiment": "run",
        "checkpoint_step": 1,
        "sampler": "analytic",
        "steps": 1,
        "prefix_tokens": 0,
        "suffix_tokens": 0,
        "seed": 0,
        "provenance": {},
    }
    ids = list(range(1, len(TEXTS) + 1))
    trace = build_trace(
        about, [[0] * len(ids), ids], {0: None, **dict(zip(ids, TEXTS, strict=True))}
    )
    with Image.open(write_gif(trace, tmp_path / "trace.gif")) as picture:
        assert picture.n_frames == 2
