"""Postings that are files of their own: .txt, .md and .html."""

import html
import re
from pathlib import Path

import pandas as pd

from jobgen.data.reading.chunks import TableChunk
from jobgen.data.reading.contents import Content
from jobgen.data.reading.text_lines import TextLines

_LONGEST_TITLE = 120  # characters of a first line that is taken for the title
_HTML = (".html", ".htm")
_HEADING = re.compile(r"<h1\b[^>]{0,1000}>(.{0,2000}?)</h1\b", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(r"<title\b[^>]{0,1000}>(.{0,2000}?)</title\b", re.IGNORECASE | re.DOTALL)
_BODY = re.compile(r"<body\b[^>]{0,10000}>", re.IGNORECASE)
_BODY_END = re.compile(r"</body\b", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,2000}>")
_MARKDOWN_HEADING = re.compile(r"#{1,6}\s+")


def read_document(content: Content, encoding: str, name: str) -> TableChunk:
    """Read one posting into a row `file`, `name`, `title`, `text`.

    Args:
        content: the bytes of the file.
        encoding: its encoding, or "auto".
        name: path of the file within its folder.

    Returns:
        The name is that of the file without its ending and with blanks for `_` and `-`. The title
        is the first `<h1>` or else the `<title>` of HTML, and otherwise the first line if it is
        short and others follow; without any it is the name.
    """
    whole = (
        TextLines(content, encoding, newline="").read().replace("\r\n", "\n").replace("\r", "\n")
    )
    named = re.sub(r"[_-]+", " ", Path(name).stem).strip()
    title, text = _of_html(whole) if content.ending in _HTML else _of_lines(whole)
    row = {"file": name, "name": named, "title": title or named, "text": text}
    return TableChunk(pd.DataFrame([row], index=[1], dtype=object), 1.0, None, {})


def _of_html(source: str) -> tuple[str, str]:
    """Title and source of the body."""
    title = ""
    for pattern in (_HEADING, _TITLE):
        if not title and (match := pattern.search(source)):
            title = " ".join(html.unescape(_TAG.sub(" ", match[1])).split())
    body = _BODY.search(source)
    ends = [match.start() for match in _BODY_END.finditer(source)]
    return title, source[body.end() if body else 0 : ends[-1] if ends else None].strip()


def _of_lines(source: str) -> tuple[str, str]:
    """Title, if the first line is one, and text."""
    first, _, rest = source.strip().partition("\n")
    title = _MARKDOWN_HEADING.sub("", first.strip(), count=1).strip("# \t")
    if title and len(title) <= _LONGEST_TITLE and rest.strip():
        return title, rest.strip()
    return "", source.strip()
