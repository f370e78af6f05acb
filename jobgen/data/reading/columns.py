"""The columns of titles and texts: found under their names, or those that are meant suggested."""

import datetime
import difflib
import numbers
import re
from collections.abc import Iterable
from typing import Any

import pandas as pd

from jobgen.data.reading.cells import is_nothing, text_of

# What columns of job sites and statistical offices are called, without blanks and underscores.
_USUAL = {
    "title": (
        *("title", "jobtitle", "position", "positiontitle", "jobposition", "jobname", "name"),
        *("role", "jobrole", "designation", "occupation", "headline", "vacancy", "post"),
        *("intitule", "poste", "emploi", "stellenbezeichnung", "titel", "berufsbezeichnung"),
        *("titolo", "titulo", "puesto", "cargo", "stanowisko"),
    ),
    "text": (
        *("text", "description", "jobdescription", "descriptiontext", "jobdesc", "desc", "jd"),
        *("jobdetails", "details", "body", "content", "jobtext", "fulltext", "jobpost", "posting"),
        *("jobsummary", "summary", "responsibilities", "requirements", "beschreibung"),
        *("stellenbeschreibung", "descrizione", "descripcion", "descricao", "opis", "annonce"),
    ),
    "company": (
        *("company", "companyname", "employer", "employername", "organization", "organisation"),
        *("hiringorganization", "entreprise", "unternehmen", "firma", "azienda", "empresa"),
        "bedrijf",
    ),
}
_MOST_SHOWN = 60
_LETTERS = re.compile(r"[\W_]+")
_MARKUP = re.compile(r"\A(?:<[^<>]{0,200}>|[\s#*_])*+")


def select_columns(table: pd.DataFrame, columns: dict[str, str | list[str]]) -> pd.DataFrame:
    """The columns that are asked for, under our names; one that the table lacks is empty.

    Args:
        table: a table, or some rows of it.
        columns: our name -> the table's, or several that are joined under their names as headings.

    Returns:
        `title`, `text` and `company` as `cells.text_of` reads them, and others as they are, with
        the index of the table.
    """
    selected = {}
    for ours, theirs in columns.items():
        if isinstance(theirs, list):
            parts = {name: _column(table, name) for name in theirs}
            cells: list[Any] = [
                join_parts(dict(zip(parts, row, strict=True)))
                for row in zip(*parts.values(), strict=True)
            ]
        else:
            cells = _column(table, theirs)
        if ours in _USUAL:
            cells = [text_of(cell) for cell in cells]
        selected[ours] = pd.Series(cells, table.index, dtype=object)
    return pd.DataFrame(selected, table.index)


def find_columns(names: Iterable[Any], wanted: str) -> list[Any]:
    """The columns that a name can mean: the one of exactly this name, or all that differ in case.

    >>> find_columns(["Job Title", "id", "Id"], "job title "), find_columns(["id", "Id"], "ID")
    (['Job Title'], ['id', 'Id'])
    """
    known = list(names)
    if exact := [name for name in known if str(name) == wanted]:
        return exact
    plain = _plain(wanted)
    return [name for name in known if _plain(str(name)) == plain]


def missing_columns(names: Iterable[Any], columns: dict[str, str | list[str]]) -> list[str]:
    """A line for each column that a table lacks, or has more than once.

    Args:
        names: the names of its columns.
        columns: our name -> the table's, or several.
    """
    known, problems = list(names), []
    for ours, theirs in columns.items():
        for name in theirs if isinstance(theirs, list) else [theirs]:
            found = find_columns(known, name) or find_columns(known, name.partition(".")[0])
            if len(set(found)) < len(found):
                problems.append(f'column "{found[0]}" occurs twice')
            elif len(found) > 1:
                meant = ", ".join(f'"{other}"' for other in found)
                problems.append(f'column "{name}" may be any of {meant}: write it as it is there')
            elif not found:
                others = ", ".join(map(str, known[:_MOST_SHOWN]))
                more = ", ..." if len(known) > _MOST_SHOWN else ""
                likely = _likely(known, ours, name)
                meant = f"; did you mean {' or '.join(likely)}?" if likely else ""
                problems.append(f'no column "{name}"; its columns are: {others}{more}{meant}')
    return problems


def count_usual(names: Iterable[Any]) -> int:
    """How many of some names are usual ones of the columns of titles and texts.

    >>> count_usual(["Job Title", "description", "j1"])
    2
    """
    usual = {*_USUAL["title"], *_USUAL["text"]}
    return sum(_LETTERS.sub("", _plain(str(name))) in usual for name in names)


def join_parts(parts: dict[str, Any]) -> Any:
    r"""The parts of a posting as one text, each under the name of its column as a heading.

    Args:
        parts: name of a column -> its cell. Numbers and dates are written as they are; anything
            else that is no text is returned in place of all.

    >>> join_parts({"job_duties": "You cook.", "benefits": None, "pay": "Pay: 20 an hour"})
    'Job duties\nYou cook.\n\nPay: 20 an hour'
    """
    texts = []
    for name, cell in parts.items():
        part = text_of(cell)
        if isinstance(part, numbers.Real | datetime.date) and not isinstance(part, bool):
            part = "" if is_nothing(part) else str(part)
        if is_nothing(part):
            continue
        if not isinstance(part, str):
            return part
        heading, text = _heading(name), part.strip()
        opening = _MARKUP.sub("", text[:1000], count=1)
        begins_with_it = opening[: len(heading)].casefold() == heading.casefold()
        if text:
            texts.append(text if begins_with_it else f"{heading}\n{text}")
    return "\n\n".join(texts)


def _heading(name: str) -> str:
    words = re.sub(r"[\s_]+", " ", name.rsplit(".", 1)[-1]).strip()
    # jobRequirements, as JavaScript writes it; not an abbreviation.
    words = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", words)
    return words[:1].upper() + (words[1:] if words.isupper() else words[1:].lower())


def _column(table: pd.DataFrame, name: str) -> list[Any]:
    """The cells of a column, or of a part of its objects: `company.name`."""
    if found := find_columns(table.columns, name):
        return _first_named(table, found[0]).astype(object).tolist()
    head, _, rest = name.partition(".")
    if found := find_columns(table.columns, head):
        return [_part(cell, rest) for cell in _first_named(table, found[0])]
    return [None] * len(table)


def _first_named(table: pd.DataFrame, name: Any) -> pd.Series:
    """The first column of a name, which several may have."""
    return table.iloc[:, list(table.columns).index(name)]


def _part(cell: Any, name: str) -> Any:
    """A value of an object, or of an object in it."""
    if not isinstance(cell, dict):
        return None
    if found := find_columns(cell, name):
        return cell[found[0]]
    head, _, rest = name.partition(".")
    found = find_columns(cell, head) if rest else []
    return _part(cell[found[0]], rest) if found else None


def _plain(name: str) -> str:
    return name.strip().casefold()


def _likely(known: list[Any], ours: str, name: str) -> list[str]:
    """Columns that may be meant, the likeliest first."""
    plain = {_LETTERS.sub("", _plain(str(column))): f'"{column}"' for column in known}
    wanted = _LETTERS.sub("", _plain(name))
    usual = [plain[usual] for usual in _USUAL.get(ours, ()) if usual in plain]
    close = [plain[other] for other in difflib.get_close_matches(wanted, plain, 2, 0.75)]
    return list(dict.fromkeys([*close, *usual]))[:3]
