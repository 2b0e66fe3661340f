"""Write self-contained HTML pages from the templates.

The content security policy of a page allows only its own scripts, by hash, and no network. Even if
escaping failed, a script in a generated text would not run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from sedd.results.spelled import spell
from sedd.runtime.atomic import write_text
from sedd.runtime.plural import plural
from sedd.runtime.provenance import code_version, now

TEMPLATES = Path(__file__).parent.parent / "templates"


def write_page(template: str, out: Path, *, scripts: Sequence[str], **values: Any) -> Path:
    """Fill a template, write the page to `out` atomically, and return `out`.

    scripts: source text of the page's own scripts, in the order in which they run.
    """
    scripts = [*scripts, own_script("wider")]
    for script in scripts:
        assert "</script" not in script.lower(), "the text would end its own script element"
        assert "<!--" not in script, "the text would hide the end of its script element"
    allowed = " ".join(f"'sha256-{_digest(script)}'" for script in scripts) or "'none'"
    page = (
        _environment()
        .get_template(template)
        .render(
            policy="default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
            f"script-src {allowed}",
            scripts=[
                Markup(script) for script in scripts
            ],  # trusted: from this package or from Bokeh
            code_version=code_version(),
            created=now(),
            **values,
        )
    )
    write_text(out, page)
    return out


def own_script(name: str) -> str:
    """Source text of templates/NAME.js."""
    return (TEMPLATES / f"{name}.js").read_text(encoding="utf-8")


def count(number: float) -> str:
    """1234567 as `1,234,567`."""
    return f"{number:,.0f}"


def digits(number: float | None, nats: float | None = None) -> str:
    """Four significant digits; an exponent only below 0.001.

    None: a perplexity that is too large for a float, of `nats` per token.
    """
    if number is None:
        return spell(None, None, nats=nats)
    if number == 0 or 0.001 <= abs(number) < 1000:
        return f"{number:.4g}"
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.2e}"


def spread(length: int, most: int) -> list[int]:
    """At most `most` indices below `length`, spread evenly from the first to the last."""
    if length <= most:
        return list(range(length))
    return [round(number * (length - 1) / (most - 1)) for number in range(most)]


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `3.4 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:,.1f} h"


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # keep the order of keys: Bokeh defines a model at its first occurrence. NaN is not valid JSON
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False, "allow_nan": False}
    environment.globals["spell"] = spell
    environment.filters |= {
        "count": count,
        "digits": digits,
        "spread": spread,
        "plural": plural,
        "duration": duration,
    }
    return environment
