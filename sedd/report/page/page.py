"""Pages that hold everything they need, and can load or run nothing else.

Each page's security policy lists the hashes of its own scripts: a script that slipped in with a model's text would not run
even if escaping failed, and no address is asked for anything.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from sedd.runtime.atomic import write_text
from sedd.runtime.provenance import code_version, now

TEMPLATES = Path(__file__).parent.parent / "templates"


def write_page(template: str, out: Path, *, scripts: Sequence[str], **values: Any) -> Path:
    """Fill a template and write it to `out`, whole or not at all.

    scripts: the texts of the page's scripts, in the order in which they run; none if they come to nothing.
    """
    for script in scripts:
        assert "</script" not in script.lower(), "a script would end inside itself"
        assert "<!--" not in script, "a script would hide its end"
    allowed = " ".join(f"'sha256-{_digest(script)}'" for script in scripts) or "'none'"
    page = (
        _environment()
        .get_template(template)
        .render(
            policy=f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {allowed}",
            scripts=[Markup(script) for script in scripts],  # ours, or Bokeh's
            code_version=code_version(),
            created=now(),
            **values,
        )
    )
    write_text(out, page)
    return out


def own_script(name: str) -> str:
    """A script of ours, templates/NAME.js."""
    return (TEMPLATES / f"{name}.js").read_text(encoding="utf-8")


def count(number: float) -> str:
    """1234567 as `1,234,567`."""
    return f"{number:,.0f}"


def digits(number: float) -> str:
    """Four significant digits, without an exponent where that reads well."""
    if number == 0 or 0.001 <= abs(number) < 1000:
        return f"{number:.4g}"
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.2e}"


def spread(length: int, most: int) -> list[int]:
    """At most `most` places of `length`, spread evenly from the first to the last."""
    if length <= most:
        return list(range(length))
    return [round(number * (length - 1) / (most - 1)) for number in range(most)]


def plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


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
    # Bokeh defines a model where it first occurs: the order of keys must stay; NaN is no JSON
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False, "allow_nan": False}
    environment.filters |= {
        "count": count,
        "digits": digits,
        "spread": spread,
        "plural": plural,
        "duration": duration,
    }
    return environment
