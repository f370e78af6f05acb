"""HTML to text: a parser's events become line breaks, bullets and cells (lxml).

lxml was chosen by measurement: a walk over selectolax's tree takes 0.11 ms for a posting of 8,900
characters, lxml's events 0.14 ms, inscriptis 1.3 ms. But selectolax drops the cells of a table
whose `<table>` a scraper cut away, and 100,000 nested lists take it two minutes.
"""

import re
from collections import Counter

from ftfy.fixes import fix_surrogates
from lxml import etree

from jobgen.data.cleaning.entities import decode_entities

# Elements by what they do to the text around them. A blank line stands around the first kind, a
# line break around the second; the content of the third is no text. All others are inline.
_PARAGRAPHS = frozenset(
    "address blockquote details dl fieldset figure form h1 h2 h3 h4 h5 h6 hr menu ol p pre table ul"
    "".split()
)
_LINES = frozenset(
    "article aside body button caption center dd dialog dir div dt figcaption footer header hgroup "
    "html legend main nav option search section select summary tbody textarea tfoot thead tr"
    "".split()
)
_HIDDEN = frozenset("iframe noscript script style svg template title".split())
_LISTS = frozenset(("ul", "ol", "menu", "dir"))
_CELLS = frozenset(("td", "th"))
# A name in angle brackets that is certainly a tag, even without attributes or its partner.
_SURE = (
    "a|abbr|acronym|b|big|blockquote|body|br|code|dd|div|dl|dt|em|font|h[1-6]|hr|html|i|img|input|"
    "ins|kbd|li|nav|ol|p|pre|s|small|span|strike|strong|sub|sup|tbody|td|tfoot|th|thead|tr|tt|u|ul|wbr"
)
# A tag only with attributes or its partner: `<Company Name>`, `<address>` and `<title>` are also
# what a template leaves to be filled in. So are names with a hyphen or colon (`<my-tag>`, `<o:p>`).
_OTHER = (
    "address|area|article|aside|audio|base|bdi|bdo|button|canvas|caption|center|cite|col|colgroup|"
    "data|datalist|del|details|dfn|dialog|dir|embed|fieldset|figcaption|figure|footer|form|frame|"
    "frameset|g|head|header|hgroup|iframe|label|legend|link|main|map|mark|math|menu|meta|meter|"
    "nobr|noscript|object|optgroup|option|output|param|path|picture|progress|q|rp|rt|ruby|samp|"
    "script|search|section|select|slot|source|style|summary|svg|table|template|textarea|time|"
    r"title|track|var|video|[a-z]{1,20}\d{0,2}:[a-z][\w-]{0,40}|[a-z]{1,20}(?:-[a-z\d]{1,20}){1,5}"
)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
# Every `<`, as a tag in one of three conditions or as the text that it otherwise is. In a tag that
# is `whole`, quotation marks after `=` are in pairs; in a `torn` one they are not, and the parser
# would take the text after it for an attribute; a `cut` one has no end in its line. The repetitions
# end at the next `<` or quotation mark, so that all of them together read the text about twice.
_BRACKET = re.compile(
    r"(?P<special><!(?:\[|doctype)[^<>]*+>|<\?[a-z][^<>]*+>|<!--[^<>\n]*+(?=\n|$)"
    r"|</\s?$)"
    rf"|<(?P<close>\s?/\s?|\s(?=br)|)(?:(?P<sure>{_SURE})|(?P<other>{_OTHER}))(?=[\s/>]|$)(?:"
    r"(?P<whole>(?P<attributes>[\s/](?:[^<>=]|=\s{0,3}(?:\"[^\"]*+\"|'[^']*+'|(?![\"'])))*+)?>)"
    r"|(?P<torn>[\s/][^<>]*+>)|(?P<cut>\s+[a-z-]+\s?=[^<>\n]*+(?=\n|$)|\s*+$)|)"
    r"|<",
    re.IGNORECASE,
)
# A line feed of the text, not of a tag, is noted as `\x1f`, which is white space, too. In HTML with
# blocks, one that the source was only indented or wrapped at is no line break.
_SOFT_BREAK = re.compile(
    r"(?<=[^\s.!?:;])[ \t]{0,20}\x1f(?:[ \t]{2,40}(?![*+-]|\d{1,2}[.)])(?=[^\W_]|[(\"'])"
    r"|(?=[a-z])(?<=[^\x1f]{40}\x1f))"
)
_BLOCK = re.compile(r"</?(?:p|li|div)>")
_CHUNK = 8_192  # characters that are given to a parser at once
_DEEPEST = 256  # open elements; a posting has about ten


class _TextBuilder:
    """Writes text from the events of a parser.

    Breaks, bullets and the bars between cells are only noted, and written before the next text: so
    an empty element leaves nothing, and of many breaks in a row only the largest remains.
    """

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.depth = 0
        self.n_pre = 0
        self.n_hidden = self.n_lists = self.n_items = 0  # open elements of these kinds
        self.breaks = 0  # line breaks due before the next text
        self.bullet = False  # whether a bullet is due, too
        # For each open row of a table: None before its first text, then whether it is one line.
        self.rows: list[bool | None] = [None]
        self.new_cell = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if tag in _HIDDEN:
            self.n_hidden += 1
        elif tag == "br":
            # A line feed that the text has there already is the same break.
            self.breaks = max(self.breaks + 1, min(self._line_feeds(), 2))
        elif tag in _CELLS:
            self.new_cell = self.rows[-1] is not None
            self.breaks = 1 if self.new_cell else self.breaks
        elif tag == "li":
            self._break(1)
            self.n_items += 1
            self.bullet = True
        else:
            self._break_around(tag)
            self.n_lists += tag in _LISTS
            self.n_pre += tag == "pre"
            if tag == "tr":
                self.rows.append(None)

    def end(self, tag: str) -> None:
        self.depth -= 1
        if tag in _HIDDEN:
            self.n_hidden -= 1
        elif tag == "li":
            self.n_items -= 1
            self.bullet = False
            self._break(1)
        elif tag != "br":
            self.n_lists -= tag in _LISTS
            self.n_pre -= tag == "pre"
            if tag == "tr" and len(self.rows) > 1:
                self.new_cell = False
                if self.rows.pop() is not None and len(self.rows) > 1:
                    self.rows[-1] = False  # a table within a cell
            self._break_around(tag)

    def data(self, text: str) -> None:
        if self.n_hidden:
            return
        if self.breaks or not self.pieces:
            text = text.lstrip()
            if not text:
                return
            self._write_break()
        self.pieces.append(text if self.n_pre else text.replace("\n", "\x1f"))
        if self.rows[-1] is None and text.strip():
            self.rows[-1] = True

    def close(self) -> None:
        """A parser has ended: what it left open is forgotten."""
        self.depth = self.n_pre = self.n_hidden = self.n_lists = self.n_items = 0
        self.rows = [None]

    def _break_around(self, tag: str) -> None:
        if tag in _PARAGRAPHS:
            self._break(1 if self.n_lists or self.n_items else 2)
        elif tag in _LINES:
            self._break(1)

    def _break(self, n: int) -> None:
        self.breaks = max(self.breaks, n)

    def _line_feeds(self) -> int:
        last = self.pieces[-1] if self.pieces else ""
        return last[len(last.rstrip()) :].count("\x1f")

    def _write_break(self) -> None:
        while self.pieces and not self.pieces[-1].strip():
            self.pieces.pop()
        if self.pieces:
            self.pieces[-1] = self.pieces[-1].rstrip()
            if self.new_cell and self.rows[-1] and not self.bullet:
                self.pieces.append(" " if self.pieces[-1].endswith(":") else " | ")
            else:
                self.pieces.append("\n" * min(self.breaks, 2))
                if self.rows[-1]:
                    self.rows[-1] = False
        if self.bullet:
            self.pieces.append("• ")
        self.breaks, self.bullet, self.new_cell = 0, False, False


def remove_html(text: str) -> tuple[str, int]:
    r"""Decode entities; turn blocks into lines, items into bullets; leave nothing of a tag.

    Entities come first, because scraped tags are often escaped, sometimes doubly. What is no tag of
    a known element stays: `<5 years`, `List<String>`, `<Company Name>`. Line breaks of the text
    stay, too, because many scrapers convert only a part.

    >>> remove_html("<p>R&amp;D</p><ul><li><p>C++</p></li><li>Go, &lt;5 years</li></ul>")
    ('R&D\n\n• C++\n• Go, <5 years', 12)
    >>> remove_html("<table><tr><th>Pay:<td>20 <tr><td>Java<td><td><b>Type</b>Script</table>")
    ('Pay: 20\nJava | TypeScript', 11)
    """
    entities = tags = 0
    if "&" in text:
        text, entities = decode_entities(text)
    if "<" in text:
        if "<![CDATA[" in text:
            text = text.replace("<![CDATA[", "").replace("]]>", "")
        marked, tags = _mark_tags(text)
        if tags:
            text = _parse(marked)
    return text.replace("\xa0", " "), entities + tags


def _mark_tags(text: str) -> tuple[str, int]:
    """Return the text as HTML whose only tags are true ones, and how many there are."""
    # Up to the last end of a comment, each comment ends, so that the search takes linear time.
    end = text.rfind("-->") + len("-->")
    head, tags = _COMMENT.subn("", text[:end])
    text = head + text[end:]
    lower = text.lower()
    n_named = 0
    n_open: Counter[str] = Counter()
    has_partner: dict[str, bool] = {}

    def is_tag(bracket: re.Match[str]) -> bool:
        name = bracket["other"]
        if bracket["cut"] is not None and not bracket["cut"].strip():
            return tags > 0  # `a<b` at the end of a text without tags is not a cut one
        if not name or bracket["attributes"] or bracket["torn"] or bracket["cut"]:
            return True
        if name not in has_partner:
            partner = name.lower() if bracket["close"].strip() else f"/{name.lower()}"
            has_partner[name] = f"<{partner}" in lower
        return has_partner[name]

    def is_closed(name: str) -> bool:
        if f"/{name}" not in has_partner:
            has_partner[f"/{name}"] = f"</{name.lower()}" in lower
        return has_partner[f"/{name}"]

    def mark(bracket: re.Match[str]) -> str:
        nonlocal tags, n_named
        kind = bracket.lastgroup and next(
            (k for k in ("special", "whole", "torn", "cut") if bracket[k] is not None), None
        )
        if kind is None or (kind != "special" and not is_tag(bracket)):
            return "&lt;" + bracket[0][1:]
        tags += 1
        n_named += n_named == tags - 1 and _is_named(bracket) and not is_closed(bracket["sure"])
        if kind in ("special", "cut"):
            return ""
        name = (bracket["sure"] or bracket["other"]).lower()
        if name == "br" or not bracket["close"].strip():
            n_open[name] += 1
            return f"<{name}>"
        # The parser passes over a closing tag whose element is not open, but it parts the text: an
        # empty element is put there. A paragraph also ends where another block begins.
        n_open[name] -= 1
        if name == "p" or (n_open[name] < 0 and name in _PARAGRAPHS):
            return f"</{name}><p></p>"
        if n_open[name] < 0 and (name in _LINES or name in _CELLS or name == "li"):
            return "<div></div>"
        return f"</{name}>"

    marked = _BRACKET.sub(mark, text.replace("&", "&amp;"))
    return (text, 0) if n_named == tags else (marked, tags)


def _is_named(tag: re.Match[str]) -> bool:
    """Whether a text may speak of a tag, as in `You know <div> and <span>`."""
    start, end = tag.span()
    name = (tag["sure"] or "").lower()
    return (
        name not in ("", "br", "p", "hr", "li")
        and tag[0].lower() == f"<{name}>"
        and tag.string[start - 1 : start] == " "
        and tag.string[end : end + 1] in tuple(" ,.;)")
    )


def _parse(marked: str) -> str:
    """Write the text of marked HTML.

    The parser's work for a closing tag grows with the number of open elements, so that one which
    has too many is left for a new one.
    """
    builder = _TextBuilder()
    marked = fix_surrogates(marked)
    parser = _new_parser(builder)
    for i in range(0, len(marked), _CHUNK):
        parser.feed(marked[i : i + _CHUNK])
        if builder.depth > _DEEPEST:
            parser.close()
            parser = _new_parser(builder)
    parser.close()
    text = "".join(builder.pieces)
    if "\x1f" in text and _BLOCK.search(marked):
        text = _SOFT_BREAK.sub(" ", text)
    return text.replace("\x1f", "\n")


def _new_parser(builder: _TextBuilder) -> etree.HTMLParser:
    parser = etree.HTMLParser(target=builder)
    parser.feed("<html>")  # without any element, its end would be an error
    return parser
