"""Write the resolved configuration: preset, defaults and overrides are filled in."""

from __future__ import annotations

import io
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter

from sedd.config.base import ConfigModel
from sedd.runtime.atomic import write_text

HEAD = """\
# Resolved settings: preset, defaults and overrides are filled in.
# Written by sedd; edit the files in config/ instead.
"""


class _Representer(RoundTripRepresenter):
    """Write YAML that every parser reads alike: `null`, floats with a point, escaped control
    characters.
    """

    def represent_float(self, data: float) -> ScalarNode:
        text = repr(data)
        if "." not in text:
            text = text.replace("e", ".0e")
        return self.represent_scalar("tag:yaml.org,2002:float", text)

    def represent_text(self, data: str) -> ScalarNode:
        # unquoted, a character such as NEL would end the line
        style = None if data.isprintable() else '"'
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)

    def represent_none(self, data: None) -> ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:null", "null")


_Representer.add_representer(float, _Representer.represent_float)
_Representer.add_representer(str, _Representer.represent_text)
_Representer.add_representer(type(None), _Representer.represent_none)


def resolved_yaml(config: ConfigModel) -> str:
    """All keys as YAML, in the order of the model's fields."""
    yaml = YAML()
    yaml.Representer = _Representer
    yaml.default_flow_style = False
    yaml.width = 4096  # one value, one line
    stream = io.StringIO()
    yaml.dump(config.sections(), stream)
    return HEAD + stream.getvalue()


def write_resolved(config: ConfigModel, path: Path) -> None:
    """Write all keys to a file; loading the file gives an equal config."""
    write_text(path, resolved_yaml(config))
