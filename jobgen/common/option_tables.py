"""Fill the tables of options in docs/configuration.md from the configuration models.

python -m jobgen.common.option_tables
"""

import json
import re
from pathlib import Path

from jobgen.common import config
from jobgen.common.config import Config
from jobgen.common.config_loader import field_type

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
_TABLE = re.compile(r"<!-- options (\w+) -->\n.*?<!-- end options -->", re.DOTALL)


def options_table(model: type[Config]) -> str:
    """Markdown table of a configuration's fields: name, accepted values, default, meaning."""
    lines = ["| option | accepted | default | meaning |", "|---|---|---|---|"]
    for name, info in model.model_fields.items():
        default = "required" if info.is_required() else f"`{json.dumps(info.default)}`"
        accepted = field_type(info).replace("|", "\\|")
        lines.append(f"| `{name}` | {accepted} | {default} | {info.description} |")
    return "\n".join(lines)


def fill_tables(page: str) -> str:
    """Write every marked table of a page anew.

    Args:
        page: Markdown in which `<!-- options MODEL -->` and `<!-- end options -->` enclose the
            table of each configuration model.

    Returns:
        The page with up-to-date tables; what stands outside the markers is unchanged.
    """

    def table(match: re.Match) -> str:
        model = getattr(config, match[1])
        return f"<!-- options {match[1]} -->\n{options_table(model)}\n<!-- end options -->"

    return _TABLE.sub(table, page)


if __name__ == "__main__":
    PAGE.write_text(fill_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
