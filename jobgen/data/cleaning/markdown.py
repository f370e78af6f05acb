r"""Marks of Markdown, as scrapers write it for HTML, and escapes such as `\n` of dumps."""

import re

# What JSON and Python write for characters. `\n` is a line break only in a text that has no other.
_CHARACTER_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([89a-fA-F][0-9a-fA-F])")
_LINE_ESCAPE = re.compile(r"\\r\\n|\\[nrt\"'/]")
_LINE_ESCAPES = {"\\t": "\t", '\\"': '"', "\\'": "'", "\\/": "/"}
_SURELY_LINES = re.compile(r"[.!?:;,)]\\[nr]|\w\\n\(|\\n\s{0,3}(?:\\n|[•*-])|\\r\\n")
_WINDOWS_PATH = re.compile(r"\b[A-Za-z]:\\")

_ESCAPE = re.compile(r"(?<!\\)\\([][`*_{}()#+.!|<>~$&'\"=:;,/@%^?-])")
_URL = r"<?(?:https?:|mailto:|tel:|www\.|/|#)[^()<>\s]{0,1000}(?:\([^()\s]{0,99}\)[^()\s]{0,99})?>?"
_LABEL = r"[^][\n]{0,200}(?:\[[^][\n]{0,200}\][^][\n]{0,200})?"
_LINK = re.compile(rf"!?\[({_LABEL})\]\({_URL}(?:[ \t]+\"[^\"\n]{{0,200}}\")?\)")
_AUTOLINK = re.compile(r"<((?:https?://|mailto:|www\.)[^<>\s]{1,1000})>")
# What stands in bold type: text without a blank line, in which a single star may stand.
_IN_BOLD = r"(?:[^*\n]|\*(?!\*)|\n(?!\s)){1,500}?"
# Two texts in bold type, glued; before a capital letter, which a censored word has not.
_GLUED_BOLD = re.compile(r"(?<=[^\s*])\*{4}(?=[^\W\d_a-z][^*\n]{0,200}\*\*(?!\w))")
_BOLD = re.compile(
    # Neither a power, with a digit on the left, nor Python's `**kwargs, **`. Some scrapers leave
    # blanks inside the marks.
    rf"(?<![\\*\d])(?:\*\*\*(?=[^\s*])({_IN_BOLD})(?<=[^\s*\\])\*\*\*"
    rf"|\*\*(?=[^\s*])(?!\w{{1,40}}[,)])({_IN_BOLD})(?<=[^\s\\])\*\*(?!\*)"
    rf"|\*\*(?=[^\s*])(?!\w{{1,40}}[,)])([^*\n]{{1,500}}?)[ \t]+\*\*(?=\s|\Z)"
    r"|(?m:^)\*\*[ \t]+([^*\n]{1,500})\*\*(?=\s|\Z))"
)
# Not `__init__`: a word in small letters is a name in a program.
_BOLD_UNDERSCORES = re.compile(
    r"(?<![\w\\])__(?=[^\W_])((?=[A-ZÀ-Þ]|[^_\n]{1,200} )[^_\n]{1,300}?)(?<=[^\s\\])__(?!\w)"
)
_EMPHASIS = re.compile(
    r"(?<![\w*\\])\*(?=[^\s*])([^*\n]{1,300}?)(?<=[^\s*\\])\*(?![\w*])"
    r"|(?<![\w\\])_(?=[^\W_])([^_\n]{1,300}?)(?<=[^\s_\\])_(?!\w)"
)
_HEADING = re.compile(r"(?m)^[ \t]*#{2,6}[ \t]*(?=[^\s#])([^\n#]{1,200}?)[ \t]*#*[ \t]*$")
# One `#` is also a number: `# of employees`.
_TOP_HEADING = re.compile(r"(?m)^[ \t]*#[ \t]+(?=[^\W\d_a-z])")
_FENCE = re.compile(r"(?m)^[ \t]*(?:```|~~~)\w{0,20}[ \t]*$")
_CODE = re.compile(r"(?<![`\\])(`{1,2})([^`\s'](?:[^`\n]{0,200}[^`\s'])?)\1(?!`)")
_QUOTE = re.compile(r"(?m)^[ \t]{0,3}(?:>[ \t]?){1,5}(?=[^\W\d_]|[*_#•\"'(]|$)")
_TABLE_RULE = re.compile(
    r"(?m)^[ \t]*\|?(?:[ \t]*:?-{2,50}:?[ \t]*\|){1,50}(?:[ \t]*:?-{2,50}:?)?[ \t]*$\n?"
)
_TABLE_ROW = re.compile(r"(?m)^[ \t]*\|(?P<cells>[^\n]*\S)[ \t]*$")
_HARD_BREAK = re.compile(r"(?m)(?<=[^\\\s])\\$")


def decode_escapes(text: str) -> tuple[str, int]:
    r"""Decode the escapes of a dump: `\u2019`, and `\n` in a text that has no line break.

    >>> decode_escapes(r"We\u2019re hiring.\n\n- \"Riders\"\n- Cooks")
    ('We’re hiring.\n\n- "Riders"\n- Cooks', 6)
    >>> decode_escapes(r"Copy C:\new\table to \\server\news.")
    ('Copy C:\\new\\table to \\\\server\\news.', 0)
    """
    if "\\" not in text:
        return text, 0
    text, characters = _CHARACTER_ESCAPE.subn(lambda m: chr(int(m[1] or m[2], 16)), text)
    lines = 0
    if "\n" not in text and not _WINDOWS_PATH.search(text):
        if text.count("\\n") > 1 or _SURELY_LINES.search(text):
            text, lines = _LINE_ESCAPE.subn(lambda m: _LINE_ESCAPES.get(m[0], "\n"), text)
    return text, characters + lines


def remove_markdown(text: str) -> tuple[str, int]:
    r"""Leave the text of Markdown's headings, links, tables and types; remove its backslashes.

    Bullets are left to `unify_bullets`. A star or underscore alone is a mark of emphasis only in a
    text with other Markdown, and marks without a partner stay.

    >>> remove_markdown(r"**Your role**: *lead* 2\-3 teams. [Apply](https://example.com/jobs)")
    ('Your role: lead 2-3 teams. Apply', 4)
    >>> remove_markdown("C#, #1 choice, 5*3*2, snake_case, __init__, *new*\n# of employees")
    ('C#, #1 choice, 5*3*2, snake_case, __init__, *new*\n# of employees', 0)
    """
    changes = 0

    def sub(pattern: re.Pattern[str], replacement: str) -> None:
        nonlocal text, changes
        text, n = pattern.subn(replacement, text)
        changes += n

    if "](" in text:
        sub(_LINK, r"\1")
    if "<" in text:
        sub(_AUTOLINK, r"\1")
    if "**" in text:
        if "****" in text:
            sub(_GLUED_BOLD, "**\n**")
        text, n = _BOLD.subn(_plain, text)
        changes += n
    if "__" in text:
        sub(_BOLD_UNDERSCORES, r"\1")
    if "##" in text:
        sub(_HEADING, r"\1")
    if "```" in text or "~~~" in text:
        sub(_FENCE, "")
    if "|" in text and _TABLE_RULE.search(text):
        text, n = _unpipe(text)
        changes += n
    if "`" in text:
        sub(_CODE, r"\2")
    if "# " in text and (changes or len(_TOP_HEADING.findall(text)) > 1):
        sub(_TOP_HEADING, "")
    has_escapes = "\\" in text and not _WINDOWS_PATH.search(text)
    n_escapes = len(_ESCAPE.findall(text)) if has_escapes else 0
    if changes or n_escapes:
        if "*" in text or "_" in text:
            text, n = _EMPHASIS.subn(lambda m: m[1] or m[2], text)
            changes += n
        if ">" in text:
            sub(_QUOTE, "")
    if has_escapes:
        sub(_HARD_BREAK, "")
        sub(_ESCAPE, r"\1")
    return text, changes


def _plain(bold: re.Match[str]) -> str:
    """The text of bold type, on a line of its own if it has ended and is glued to the next one."""
    text: str = next(filter(None, bold.groups())).strip()
    after = bold.string[bold.end() : bold.end() + 1]
    is_glued = text[-1:] in (":", ".", "!", "?") and after.isupper()
    return text + "\n" * is_glued


def _unpipe(text: str) -> tuple[str, int]:
    """Write the rows of tables with ` | ` between their cells; remove the rules below headers."""
    text, rules = _TABLE_RULE.subn("", text)

    def join(row: re.Match[str]) -> str:
        return " | ".join(cell.strip() for cell in row["cells"].split("|") if cell.strip())

    text, rows = _TABLE_ROW.subn(join, text)
    return text, rules + rows
