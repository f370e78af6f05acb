"""Lines: rules of dashes, and the line breaks of a text that was wrapped at a fixed width."""

import re
from collections.abc import Iterator

_BOX = "\u2500-\u259f"
# One of these is in each rule, and in few other texts.
_PAIRS = ("--", "- -", "==", "= =", "__", "_ _", "**", "* *", "~~", "##", "*-", "=-", "+-")
_RARE = re.compile(rf"[{_BOX}]|([•·—–]) ?\1")
# Three of a kind, or five of several kinds, also with blanks between them.
_RULE_LINE = re.compile(
    rf"(?m)^[ \t]*+(?:([-=_*~•·#—–{_BOX}])[ \t]?(?:\1[ \t]?){{2,}}+"
    rf"|(?:[-=_*~•·#+—–{_BOX}][ \t]?){{5,}}+)(?=\n|\Z)"
)
# At a line's ends a rule of four, within it one of five. Underscores are there to be filled in,
# unless they stand on both sides of a heading.
_GLUED_RULE = re.compile(
    rf"(?m)^[ \t]*[-=*~{_BOX}]{{4,}}+[ \t]*(?=[^\W_])|(?<=[^\s\d])[ \t]?[-=*~{_BOX}]{{4,}}+[ \t]*$"
    rf"|^[ \t]*_{{4,}}+[ \t]*(?=[^\W_][^\n_]{{1,99}}_{{4}})|(?<=[^\W_])(?<=\w)_{{4,}}+[ \t]*$"
)
_INNER_RULE = re.compile(
    rf"(?:(?<=[^\W\d_])|(?<=[.!?:;,)])|(?<=\d[ \t]))[ \t]?[-=*{_BOX}]{{5,}}+"
    rf"(?:[ \t][-=*{_BOX}]{{5,}}+)*+(?:[ \t](?=[^\W\d_])|(?=[^\W\d_a-z]))"
)
# Three on both sides of a heading.
_RULED_HEADING = re.compile(
    r"(?m)^[ \t]*([-=~])\1{2,30}[ \t]*([^\W_][^\n]{0,80}?[^\s=~-])[ \t]*\1{3,30}[ \t]*$"
)
_LEADER = re.compile(r"(?<=[^\W_])[ \t]+[-=]{5,}+[ \t]+(?=[\d$€£])")

# A text is wrapped if its lines end where the next word would not have fitted.
_NARROWEST, _WIDEST = 40, 140  # columns
_SHARE_FULL = 0.8  # of the lines that the next one continues in lower case
# Such lines. Of many, none needs to end or begin with one of the words that hang together.
_FEWEST, _MANY = 2, 8
_BULLET_LINE = re.compile(
    r"\s*(?:[•·▪●◦‣⁃∙○■□►➢➤❖✓✔§*+–—−→>-]|\(?(?:\d{1,3}|[a-z]|[ivx]{1,4})[.)]\s|[o?]\s+[A-Z])"
)
_LABEL = re.compile(r"\s*[^\W\d_a-z][^\n:]{1,40}:(?:\s|$)")
_WORD = re.compile(r"\w{1,40}")
_SENTENCE_END = re.compile(r"[.!?:;…]['\")\]]?$")
# A line that ends in one of these, or begins with one in small letters, belongs to its neighbour.
_ARTICLES = frozenset(
    """a an the to of our your their its der die das den dem des ein eine einen einem einer zu zum
    zur im le la les un une du au aux il lo gli uno una di del della dei delle el los las de o os as
    het een""".split()
)
# `part-` at a line's end goes on with one of these: a part of the word is left out.
_CONJUNCTIONS = frozenset("and or to und oder bis et ou en of e o y".split())
_LINKS = _ARTICLES | frozenset(
    """and or in on at by for from with as is are be that which who will can has have than into per
    und oder mit von für auf bei als sowie ist sind et ou en dans pour par avec sur est sont que qui
    e ed con per nel nella che sono y con para por en que""".split()
)


def remove_rules(text: str) -> tuple[str, int]:
    r"""Remove rules of dashes, stars and the like; one alone on its line leaves an empty line.

    >>> remove_rules("• Ride\n-----\nPay\n---- Place ----\nName: ____ a -- b")
    ('• Ride\n\nPay\nPlace\nName: ____ a -- b', 3)
    """
    if not any(pair in text for pair in _PAIRS) and (text.isascii() or not _RARE.search(text)):
        return text, 0
    text, alone = _RULE_LINE.subn("", text)
    leaders = headings = 0
    if "-----" in text or "=====" in text:
        text, leaders = _LEADER.subn(" ", text)
    text, glued = _GLUED_RULE.subn("", text)
    if "---" in text or "===" in text or "~~~" in text:
        text, headings = _RULED_HEADING.subn(r"\2", text)
    text, inner = _INNER_RULE.subn("\n", text)
    return text, alone + headings + leaders + glued + inner


def join_wrapped_lines(text: str) -> tuple[str, int]:
    r"""Join the lines of a text that was wrapped at a fixed width, such as that of an e-mail.

    In other texts, only a line is joined to the next that ends in an article or the like, and
    whose next goes on in lower case.

    >>> lines = "We look for a rider who brings parcels to\nthe people of the town, and looks "
    >>> join_wrapped_lines(lines + "after the\nbikes.\nTasks:\n- one")[0].split("\n", 1)[1]
    'Tasks:\n- one'
    >>> join_wrapped_lines("The persons whom we have chosen are invited to\napply.\nPay: 20")
    ('The persons whom we have chosen are invited to apply.\nPay: 20', 1)
    """
    if "\n" not in text:
        return text, 0
    lines = [line.rstrip() for line in text.split("\n")]
    width = _wrap_width(lines)
    is_firm = width is not None and _is_firm(lines, width)
    words: set[str] | None = None
    pieces = [lines[0]]
    joins = 0
    for before, after in zip(lines, lines[1:], strict=False):
        if not _continues(before, after, width, is_firm):
            pieces.append("\n" + after)
            continue
        joins += 1
        after = after.lstrip()
        if before[-1] == "-" and before[-2:-1].isalnum() and after[0].isalpha():
            words = words if words is not None else set(_WORD.findall(text))
            pieces.append(_rest_of_word(before, after, words))
        else:
            pieces.append(" " + after)
    # Without a join, the text stays as it is; `\0` marks a hyphen that goes.
    return ("".join(pieces).replace("-\0", ""), joins) if joins else (text, 0)


def _continuations(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Pairs of lines of which the second goes on in lower case what the first has not ended."""
    for before, after in zip(lines, lines[1:], strict=False):
        if before and after and after.lstrip()[0].islower() and not _BULLET_LINE.match(after):
            if not _SENTENCE_END.search(before[-2:]):
                yield before, after


def _wrap_width(lines: list[str]) -> int | None:
    """The length of a wrapped text's longest line, None if the text is not wrapped."""
    pairs = list(_continuations(lines))
    if len(pairs) < _FEWEST:
        return None
    linked = sum(_hang_together(before, after) for before, after in pairs)
    needed = 0 if len(pairs) >= _MANY else len(pairs) / 3 if len(pairs) > 3 else 2 * len(pairs) / 3
    if linked < needed:
        return None
    # Some lines are longer: an address has no blank to be wrapped at, or a part is not wrapped.
    widths = {len(line) for line in lines if _NARROWEST <= len(line) <= _WIDEST}
    for width in sorted(widths, reverse=True):
        if sum(_is_full(*pair, width) for pair in pairs) >= _SHARE_FULL * len(pairs):
            return width
    return None


def _is_full(before: str, after: str, width: int) -> bool:
    """Whether the first line is a wrapped one that the next line's first word did not fit into."""
    if before[-1] == "-" and before[-2:-1].isalpha():
        return _NARROWEST <= len(before) <= width
    return len(before) <= width < len(before) + 1 + len(after.split(None, 1)[0])


def _hang_together(before: str, after: str) -> bool:
    last, first = before.split()[-1].lower(), after.split(None, 1)[0].lower()
    return last.endswith((",", "-")) or last in _LINKS or first in _LINKS


def _is_firm(lines: list[str], width: int) -> bool:
    """Whether paragraphs are parted by blank lines, so that no other line break was meant."""
    pairs = [
        _is_full(before, after, width)
        for before, after in zip(lines, lines[1:], strict=False)
        if before and after and not _BULLET_LINE.match(after) and not before.endswith(":")
    ]
    return "" in lines and len(pairs) > 3 and sum(pairs) >= 0.9 * len(pairs)


def _continues(before: str, after: str, width: int | None, is_firm: bool) -> bool:
    """Whether the second line goes on with the first one's sentence."""
    if not before or not after or _BULLET_LINE.match(after):
        return False
    first = after.lstrip()[0]
    has_ended = _SENTENCE_END.search(before[-2:]) is not None
    if first.islower() and not has_ended and len(before) >= _NARROWEST:
        words = after.split(None, 2)
        if before.split()[-1] in _ARTICLES and words[0].rstrip(".,;:").isalpha():
            return True
    if width is None or not _is_full(before, after, width) or _LABEL.match(after):
        return False
    if is_firm and not before.endswith(":"):
        return not (after.isupper() and not before.isupper())
    if has_ended or before.isupper() or after.isupper():
        return False
    return not first.isupper() or before[-1] == "," or before.split()[-1].lower() in _LINKS


def _rest_of_word(before: str, after: str, words: set[str]) -> str:
    """What follows a hyphen at a line's end; it is removed only if the text has the word whole."""
    start, rest = before[-41:-1].split()[-1], _WORD.match(after)
    if rest is None:
        return " " + after
    if rest[0].lower() in _CONJUNCTIONS and after[rest.end() : rest.end() + 1] != "-":
        return " " + after  # `part- and full-time`, but not `state-of-the-art`
    return ("\0" if start + rest[0] in words else "") + after
