"""Lists: bullets of every kind, and items that follow one another in one line."""

import re

_DOTS = "•·▪●◦‣⁃∙○■□►➢➤❖✓✔"
_BULLET = re.compile(
    # Nested marks, such as `•` before a scraped `o`, count as one. A dot needs no space after it. A
    # hyphen needs a space or a word, because `-5 °C` is a number, a star a space, because `*this*`
    # is emphasis, and a plus a space and a letter, because of `+ 5 %`. Ø and ü are what symbol
    # fonts leave of a bullet.
    rf"(?m)^[ \t]*(?:(?:[{_DOTS}]|§(?![ \t]*\d))(?:\s{{0,3}}\n[ \t]*(?=[^\s{_DOTS}]))?[ \t]*"
    r"|[Øü][ \t]+(?=[A-Z])|[*–—−→-][ \t]+|\+[ \t]+(?=[^\W\d_])|--[ \t]+)+"
    r"(?:[o?][ \t]+(?=[A-Z]))?(?=\S)"
    r"|(?m:^)[ \t]*(?:[o?][ \t]+(?=[A-Z][a-z'’]*[ ,])|-(?=[A-Za-z][a-z]*[ ,]))"
)
_EMPTY_BULLET = re.compile(rf"(?m)^[ \t]*[{_DOTS}][ \t]*(?:\n|\Z)")
# Items that follow one another in one line: `businesses• 5+ years`, `teams •Identify`, `tools · 5+
# years of work`.
_INLINE_BULLET = re.compile(
    r"(?<=[a-z.,;:)])[ \t]*Ø[ \t]+(?=[A-Z])|(?<=[.,;:)])[ \t]+ü[ \t]+(?=[A-Z])"
    r"|(?<=[\w.,;:)])(?:[•●▪][ \t]+(?=\S)|[ \t]*[•●▪](?=[A-Z])|[ \t]+[•●▪·][ \t]+(?=[^\n•●▪·]{40}))"
)
_ASCII_KINDS = "-*o"
_KINDS = _ASCII_KINDS + "•●▪◦·➢✓✔–"
# Marks between blanks. A hyphen or star between digits is a range or a product.
_MARK = re.compile(
    rf"(?:(?<=[ \t])|^)(?P<kind>[{_KINDS[3:]}*-]|o(?=[ \t]+[^\W\d_a-z]))[ \t]+"
    rf"(?=[^\s{_KINDS[3:]}*-])"
    r"(?!(?:(?<=\d[ \t].[ \t])|(?<=\d[ap]m[ \t].[ \t]))\d)"
)
_DASHED_LINE = re.compile(r"(?m)^[ \t]*[-–o][ \t]")
_NUMBER = re.compile(r"(?:(?<=[\s:.;,])|^)\(?(?P<number>\d{1,2})[.)][ \t]+(?=[^\W\d_])")
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
    """Whether a text has two marks between blanks, or the second number of a list; fast."""
    if "2. " in text or "2) " in text:
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
        return run
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
    inline = empty = 0
    if not text.isascii():
        text, inline = _INLINE_BULLET.subn("\n• ", text)
        text, empty = _EMPTY_BULLET.subn("", text)
    changed = sum(match[0] != "• " for match in _BULLET.finditer(text))
    return _BULLET.sub("• ", text), inline + empty + changed
