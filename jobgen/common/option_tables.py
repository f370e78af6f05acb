"""Fill the README's tables of options from the configuration models: `python -m jobgen.readme`."""

import json
import re
from pathlib import Path

from jobgen.common import config
from jobgen.common.config import Config
from jobgen.common.config_loader import field_type

README = Path(__file__).parents[2] / "README.md"
_TABLE = re.compile(r"<!-- options (\w+) -->\n.*?<!-- end options -->", re.DOTALL)


def options_table(model: type[Config]) -> str:
    """Markdown table of a configuration's fields: name, type, default, meaning."""
    lines = ["| option | accepted | default | meaning |", "|---|---|---|---|"]
    for name, info in model.model_fields.items():
        default = "required" if info.is_required() else f"`{json.dumps(info.default)}`"
        accepted = field_type(info).replace("|", "\\|")
        lines.append(f"| `{name}` | {accepted} | {default} | {info.description} |")
    return "\n".join(lines)


def filled(readme: str) -> str:
    """The README with every table between its markers made anew."""

    def table(match: re.Match) -> str:
        model = getattr(config, match[1])
        return f"<!-- options {match[1]} -->\n{options_table(model)}\n<!-- end options -->"

    return _TABLE.sub(table, readme)


if __name__ == "__main__":
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")
