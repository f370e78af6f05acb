"""Figures that say how good a posting is; each a pure function."""

import re


def covered_keywords(text: str, keywords: list[str]) -> list[bool]:
    r"""Which keywords stand in the text as they are, letter case and runs of blanks aside.

    A keyword must not be a part of a longer word: `C` is not found in `CSS`, nor in `C++`.

    >>> covered_keywords("Python and C++\non Linux", ["python", "C", "C++ on linux"])
    [True, False, True]
    """
    plain = " ".join(text.lower().split())
    words = [re.escape(" ".join(word.lower().split())) for word in keywords]
    return [bool(re.search(rf"(?<![\w+#]){word}(?![\w+#])", plain)) for word in words]
