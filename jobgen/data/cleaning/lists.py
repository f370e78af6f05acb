"""Lists: bullets of every kind, and items that follow one another in one line."""

import re

_DOTS = "•·▪●◦‣⁃∙○■□►➢➤❖✓✔◆◇▶▸✅☑★⚫⚪❑❏❒⦿⮚⮞👉🔹🔸"
_BULLET = re.compile(
    # Nested marks, such as `•` before a scraped `o`, count as one. A dot needs no space after it. A
    # hyphen needs a space or a word, because `-5 °C` is a number, a star a space, because `*this*`
    # is emphasis, and a plus a space and a letter, because of `+ 5 %`. Ø and ü are what symbol
    # fonts leave of a bullet.
    rf"(?m)^[ \t]*(?:'(?=[{_DOTS}]|-[ \t]))?(?:(?:[{_DOTS}]\ufe0f?|§(?![ \t]*\d))"
    rf"(?:\s{{0,3}}\n[ \t]*(?=[^\s{_DOTS}]))?[ \t]*"
    r"|[Øü][ \t]+(?=[A-Z])|[*–—―−→»-][ \t]+|\+[ \t]+(?=[^\W\d_])|-{2,3}[ \t]+)+"
    r"(?:[o?][ \t]+(?=[A-Z]))?(?=\S)"
    r"|(?m:^)[ \t]*(?:[o?][ \t]+(?=[A-Z][a-z'’]*[ ,])|-(?=[A-Za-z][a-z]*[ ,]))"
)
# A bullet with nothing below it; above a line of text, it is that line's.
_EMPTY_BULLET = re.compile(rf"(?m)^[ \t]*[{_DOTS}][ \t]*(?:\n(?=[ \t]*(?:[\n{_DOTS}]|\Z))|\Z)")
# Marks that are bullets if several lines begin with them: alone, they are also a note (`*See`), a
# quotation or a word.
_SHARED_BULLETS = {
    ">": re.compile(r"(?m)^[ \t]*>[ \t]*(?=[^\W\d_a-z])"),
    ". ": re.compile(r"(?m)^[ \t]*\.[ \t]+(?=[^\W\d_a-z])"),
    "*": re.compile(r"(?m)^[ \t]*\*(?=[^\W_a-z][^*\n]*$)"),
    "-": re.compile(r"(?m)^[ \t]*-(?=[^\W\d_a-z])"),
    "o ": re.compile(r"(?m)^[ \t]*o[ \t]+(?=[^\W_a-z]|\.[A-Z])"),
}
# Items that follow one another in one line: `businesses• 5+ years`, `teams •Identify`, `tools · 5+
# years of work`.
_INLINE_BULLET = re.compile(
    r"(?<=[a-z.,;:)])[ \t]*Ø[ \t]+(?=[A-Z])|(?<=[.,;:)])[ \t]+ü[ \t]+(?=[A-Z])"
    r"|(?<=[\w.,;:!?)#+])(?:[•●▪]{1,3}[ \t]+(?=\S)"
    r"|[ \t]*[•●▪]{1,3}(?=[A-Z]|(?<!\d[•●▪])\d)|[ \t]+[•●▪·][ \t]+(?=[^\n•●▪·]{40}))"
)
_ASCII_KINDS = "-*o"
_KINDS = _ASCII_KINDS + "•●▪◦·➢✓✔–"
# Marks between blanks. A hyphen or star between digits is a range or a product.
_MARK = re.compile(
    rf"(?:(?<=[ \t])|^)(?P<kind>[{_KINDS[3:]}*-]|o(?=[ \t]+[^\W\d_a-z]))[ \t]+"
    rf"(?=[^\s{_KINDS[3:]}*-])(?!(?:and|are|is|or|und|oder)\b)"
    r"(?!(?:(?<=\d[ \t].[ \t])|(?<=\d[ap]m[ \t].[ \t]))\d)"
)
# Marks with a blank on one side only, before a capital letter: `: -Ride -Sell`, `:- Ride- Sell`.
_GLUED_MARKS = (
    re.compile(r"(?:(?<=[ \t])|(?<=[:.!?])|^)(?P<kind>[*-])(?=[^\W\d_a-z])"),
    re.compile(r"(?<=[a-z\d:.!?)])(?P<kind>[-–])[ \t]+(?=[^\W\d_a-z])"),
)
# One of these marks is in such a line; that it begins with what is rare makes it fast.
_GLUED_MARK = re.compile(
    r"[*–-](?:(?<=[ \t:.!?][*-])(?=[^\W\d_a-z])|(?<=[a-z\d:.!?)][–-])(?=[ \t]))"
)
_SECOND = re.compile(r"2[.)][ \tA-Z]")
_MONTHS = (
    r"(?:Jan(?:uary|uar)?|Feb(?:ruary|ruar)?|March|März|Apr(?:il)?|Ma[iy]|Jun[ei]?|Jul[yi]?"
    r"|Aug(?:ust)?|Sep(?:t(?:ember)?)?|O[ck]t(?:ober)?|Nov(?:ember)?|De[cz](?:ember)?)\b"
)
_DASHED_LINE = re.compile(r"(?m)^[ \t]*[-–o][ \t]")
_NUMBER = re.compile(
    r"(?:(?<=[\s:.;,a-z)])|^)\(?(?P<number>\d{1,2})[.)]"
    rf"(?:[ \t]+(?=[^\W\d_])|(?=[A-Z][a-z]))(?!{_MONTHS})"
)
# What stands before the first item; the full stop of `Inc.` does not.
_OPENING = re.compile(r"(?:[:!?;]|[^\W\d_]{4}\.|[)\"']\.)\s*\Z|\A\s*\Z")
# `o` is also a word, "or", of Italian and Spanish.
_ENGLISH = re.compile(r"\b(?:the|and|with|of|for|in)\b")
# The heading of the next list: what follows the end of a sentence, or, after an item of a list,
# also the capitalized words before the colon.
_AFTER_SENTENCE = r"(?<=[.!?;])[ \t]+(?=[^.!?;]{1,60}:$)"
_HEADING = re.compile(_AFTER_SENTENCE)
_ITEM_HEADING = re.compile(
    rf"(?:{_AFTER_SENTENCE}|(?<=[a-z\d,)])(?<!\band)(?<!\bof)(?<!\bor)[ \t]+"
    r"(?=(?:[^\W\d_a-z][\w'/&-]{0,30}[ \t]+(?:(?:and|of|or|the|for|to|you|we|&)[ \t]+)?){0,4}"
    r"[^\W\d_a-z][\w'/&-]{0,30}:$))"
)


def split_inline_lists(text: str) -> tuple[str, int]:
    r"""Give each item of a list in one line a line of its own, and the heading between two lists.

    Only what surely is a list is split: two marks of a kind, of which the first follows a colon,
    the end of a sentence or nothing; or longer items between stars or dots; or numbers from 1 on.

    >>> split_inline_lists("Duties: * Ride * Repair Skills: - Welding - English")
    ('Duties:\n• Ride\n• Repair\nSkills:\n• Welding\n• English', 4)
    >>> split_inline_lists("Steps: 1. Call us 2. Meet us\nBerlin - Germany - Remote, 9 - 5")
    ('Steps:\n1. Call us\n2. Meet us\nBerlin - Germany - Remote, 9 - 5', 2)
    """
    if not _may_have_items(text):
        return text, 0
    lines = text.split("\n")
    # Where more lines begin with a dash, one within a line belongs to its item.
    has_items = len(_DASHED_LINE.findall(text)) > 1
    total = 0
    for i, line in enumerate(lines):
        if not _may_have_items(line):
            continue
        starts = _item_starts(line, has_items)
        if starts:
            lines[i] = _split(line, starts)
            total += len(starts)
    return ("\n".join(lines), total) if total else (text, 0)


def _may_have_items(text: str) -> bool:
    """Whether a text has marks, or the second number of a list; fast."""
    if _SECOND.search(text) or _GLUED_MARK.search(text):
        return True
    kinds = _ASCII_KINDS if text.isascii() else _KINDS
    return any(f" {kind} " in text and text.count(f"{kind} ") > 1 for kind in kinds)


def _item_starts(line: str, has_items: bool) -> list[re.Match[str]]:
    """The marks and numbers in a line before which a new line begins."""
    starts: list[re.Match[str]] = []
    run: list[re.Match[str]] = []
    marks = [*_MARK.finditer(line)]
    if len(marks) > 1:
        for mark in marks:
            if run and mark["kind"] == run[0]["kind"]:
                run.append(mark)
            elif _opens(line, mark) or mark["kind"] not in "-–o·":
                starts += _whole_list(line, run, mark.start(), has_items)
                run = [mark]
        starts += _whole_list(line, run, len(line), has_items)
    if not starts and _GLUED_MARK.search(line):
        starts = next(filter(None, (_glued_list(line, kind) for kind in _GLUED_MARKS)), [])
    numbers: list[re.Match[str]] = []
    for number in _NUMBER.finditer(line):
        value = int(number["number"])
        if numbers and value == len(numbers) + 1:
            numbers.append(number)
        elif value == 1 and len(numbers) < 2 and _opens(line, number):
            numbers = [number]
    if len(numbers) > 1:
        starts = sorted(starts + numbers, key=re.Match.start)
    return starts


def _glued_list(line: str, pattern: re.Pattern[str]) -> list[re.Match[str]]:
    """The marks without a blank on one side, none if they may be something else than a list.

    Three hyphens or two stars after a colon or the end of a sentence are a list; so are two hyphens
    right after a colon. A star with a partner is emphasis.
    """
    marks = [*pattern.finditer(line)]
    while marks and not _opens(line, marks[0]):
        marks.pop(0)
    if len({mark["kind"] for mark in marks}) != 1:
        return []
    kind, start = marks[0]["kind"], marks[0].start()
    if kind == "*":
        return marks if len(marks) > 1 and line.count("*", start) == len(marks) else []
    is_sure = line[:start].endswith(":") and line[marks[0].end() - 1] in " \t"
    return marks if len(marks) > (1 if is_sure else 2) else []


def _opens(line: str, mark: re.Match[str]) -> bool:
    return _OPENING.search(line[max(0, mark.start() - 20) : mark.start()]) is not None


def _whole_list(
    line: str, run: list[re.Match[str]], end: int, has_items: bool
) -> list[re.Match[str]]:
    """The marks of a run, none if it may be something else than a list."""
    if len(run) < 2 or (run[0]["kind"] == "o" and not _ENGLISH.search(line)):
        return []
    if run[0]["kind"] in "-–o" and not line[: run[0].start()].strip():
        return [] if has_items or len(run) < 3 else run
    if _opens(line, run[0]):
        # `We are hiring! - Jane - Example Bikes` is a signature.
        is_sure = len(run) > 2 or run[0]["kind"] not in "-–"
        return run if is_sure or line[: run[0].start()].rstrip()[-1] in ":;" else []
    words = len(line[run[0].end() : end].split())
    n_small = sum(line[mark.end()].islower() for mark in run)
    return run if 4 * n_small <= len(run) and words >= 4 * len(run) else []


def _split(line: str, starts: list[re.Match[str]]) -> str:
    pieces = []
    done = 0
    for start in starts:
        pieces.append(_part_heading(line[done : start.start()].rstrip(), is_item=done > 0))
        is_number = "number" in start.re.groupindex
        pieces.append("\n" + (start[0] if is_number else "• "))
        done = start.end()
    return "".join([*pieces, line[done:]]).lstrip("\n")


def _part_heading(item: str, is_item: bool) -> str:
    """Put the heading of the next list, after an item or a sentence, on a line of its own."""
    if not item.endswith(":"):
        return item
    tail = item[-100:]
    return item[: len(item) - len(tail)] + (_ITEM_HEADING if is_item else _HEADING).sub(
        "\n", tail, count=1
    )


def unify_bullets(text: str) -> tuple[str, int]:
    r"""Write every bullet as `• ` at the start of a line; remove bullets without an item.

    A question mark before a capital letter is what a wrong encoding leaves of a bullet.

    >>> unify_bullets("* Java\n  - Go\n? Develop reports\no Test them\n•\n• §Rust")
    ('• Java\n• Go\n• Develop reports\n• Test them\n• Rust', 6)
    >>> unify_bullets("web shops• Experience in C\n-5 °C, *bold*")
    ('web shops\n• Experience in C\n-5 °C, *bold*', 1)
    """
    inline = empty = shared = changed = 0

    def unify(bullet: re.Match[str]) -> str:
        nonlocal changed
        changed += bullet[0] != "• "
        return "• "

    has_indents = "\n " in text or "\n\t" in text
    for mark, pattern in _SHARED_BULLETS.items():
        if (has_indents or f"\n{mark}" in text) and len(pattern.findall(text)) > 1:
            text, n = pattern.subn("• ", text)
            shared += n
    if not text.isascii():
        text, inline = _INLINE_BULLET.subn("\n• ", text)
        text, empty = _EMPTY_BULLET.subn("", text)
    text = _BULLET.sub(unify, text)
    return text, inline + empty + shared + changed
