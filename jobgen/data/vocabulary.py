"""The words of a table, by which glued words are told from names such as JavaScript.

Scrapers lose line breaks: `Operate the machineHandle parcels`. Where both halves are words, the
break can be restored, but names are written in the same way. What tells them apart is how the
table uses the halves and the whole; general word lists (wordfreq, Speer 2022) help where a table is
too small to say.
"""

import functools
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from wordfreq import available_languages, zipf_frequency

from jobgen.text.characters import LOWER, UPPER

# Where a capital letter stands inside a word, and the parts that its capital letters begin:
# Java|Script, SQL|Experience.
_INSIDE = re.compile(rf"[{LOWER}][{UPPER}]|[{UPPER}]{{2}}[{LOWER}]{{2}}")
SEGMENT = re.compile(
    rf"[{UPPER}]{{2,}}s(?![{LOWER}])|[{UPPER}]+(?![{LOWER}])|[{UPPER}]?[{LOWER}]+|[^\W\d_]"
)
WORD = re.compile(r"[^\W\d_]+")
# A capitalized word at the start of a text, sentence, line or item, or glued to a plain word.
_START = re.compile(
    rf"(?:\A|[.!?:;•*\n]\s{{0,3}}|(?<![^\W\d_])[{LOWER}]{{4,30}})([{UPPER}][{LOWER}]+)"
)
_GLUED = re.compile(rf"(?<![^\W\d_])[{LOWER}]{{4,30}}(?=[{UPPER}][{LOWER}]{{2}})")
_LONGEST = 80  # letters of a word; what is longer is no text
# The least frequency of a word of the general lists, as log10 of its occurrences per billion words;
# that of a name with capital letters inside, such as JavaScript; and that of one which looks more
# like two words, for the lists also hold words glued in hashtags: foryou.
_COMMON, _NAME, _FREQUENT_NAME = 2.5, 1.0, 3.0
_END = re.compile(rf"(?<![^\W\d_])([{UPPER}][{LOWER}]{{1,30}})(?=[.!?:;\n]|\Z)")
# The name of a field before its colon: `Location:`, `Type of contract:`.
LABEL = rf"[{UPPER}][{LOWER}]+(?: [^\W\d_]{{1,20}}){{0,3}}(?=:(?!//))"
_LABEL = re.compile(rf"(?<![^\W_]){LABEL}")
# Lost line breaks in a posting, on average, from which a table has lost most of them.
_MUCH_GLUE = 0.1
# So many words around a token tell its occurrences apart.
_CONTEXT = 24


@dataclass(frozen=True)
class Vocabulary:
    """Counts of words in a sample of a table.

    Attributes:
        words: word as written -> number of postings that have it, if that is above 1.
        ends: capitalized word -> number of postings in which a sentence, line or heading ends with
            it, if that is above 1.
        starts: capitalized word -> number of postings in which a sentence, line or item begins with
            it, if that is above 1.
        labels: name of a field, which stands before a colon -> number of postings that have it, if
            that is above 1.
        joined: word with a capital letter inside -> number of different contexts it stands in, if
            that is above 1.
        pairs: `left right` in lower case, the parts of such a word -> number of postings in which
            they stand as two words.
        glued_share: about how many lost line breaks a posting has: plain words that go on with a
            capital letter.
        n_texts: number of postings in the sample.
        languages: languages of the table whose general lists are asked, as ISO 639-1 codes.
    """

    words: dict[str, int] = field(default_factory=dict)
    starts: dict[str, int] = field(default_factory=dict)
    ends: dict[str, int] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    joined: dict[str, int] = field(default_factory=dict)
    pairs: dict[str, int] = field(default_factory=dict)
    glued_share: float = 0.0
    n_texts: int = 0
    languages: tuple[str, ...] = ("en",)

    @property
    def has_lost_breaks(self) -> bool:
        """Whether the table has lost so many line breaks that a rare token is hardly a name."""
        return self.glued_share > _MUCH_GLUE

    def count(self, word: str) -> int:
        """Number of postings that have a word, as written or in lower case."""
        return sum(self.words.get(form, 0) for form in {word, word.lower()})

    def is_word(self, word: str) -> bool:
        """Whether this is a word of the table, or a common one of its languages."""
        return self.count(word) > 1 or frequency(word.lower(), self.languages) >= _COMMON

    def is_name(self, token: str, is_likely: bool = True) -> bool:
        """Whether a word with capital letters inside is in the general lists: `JavaScript`.

        Args:
            token: the word.
            is_likely: false to require a frequent one, because it looks more like two words.
        """
        least = _NAME if is_likely else _FREQUENT_NAME
        return frequency(token.lower(), self.languages) >= least


def camel_words(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each word with a capital letter inside.

    >>> list(camel_words("We use JavaScript."))
    [(7, 17)]
    """
    end = 0
    for match in _INSIDE.finditer(text):
        if match.start() < end:
            continue  # a second capital letter in the same word
        start, end = match.span()
        while start and end - start <= _LONGEST and text[start - 1].isalpha():
            start -= 1
        while end < len(text) and end - start <= _LONGEST and text[end].isalpha():
            end += 1
        if end - start <= _LONGEST:
            yield start, end


@functools.lru_cache(maxsize=100_000)
def frequency(word: str, languages: tuple[str, ...]) -> float:
    """Frequency of a word in the language where it is most frequent, on wordfreq's Zipf scale.

    >>> frequency("machine", ("en",)) > 4, frequency("machinehandle", ("en", "de"))
    (True, 0.0)
    """
    return max((zipf_frequency(word, language) for language in languages), default=0.0)


def build_vocabulary(
    texts: Sequence[str],
    languages: Sequence[str] = ("en",),
    on_text: Callable[[], object] = lambda: None,
) -> Vocabulary:
    """Count the words of a sample of postings.

    Args:
        texts: the sample, as scraped.
        glued_share: about how many lost line breaks a posting has: plain words that go on with a
            capital letter.
        languages: languages of the table; those without a general list are left out.
        on_text: called after each text.

    >>> build_vocabulary(["We use PyTorch.", "You use PyTorch daily."]).joined
    {'PyTorch': 2}
    """
    # 1. Words, and those with capital letters inside with the contexts in which they stand: copies
    # of one posting are one context, so a glued word in them does not look like a name.
    words: Counter[str] = Counter()
    starts: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    labels: Counter[str] = Counter()
    contexts: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for text in texts:
        words.update(set(WORD.findall(text)))
        starts.update(set(_START.findall(text)))
        ends.update(set(_END.findall(text)))
        labels.update(set(_LABEL.findall(text)))
        for start, end in camel_words(text):
            before = text[max(0, start - _CONTEXT) : start].split()[-1:]
            after = text[end : end + _CONTEXT].split()[:1]
            contexts[text[start:end]].add((" ".join(before), " ".join(after)))
        on_text()

    # 2. Postings in which the parts of such a word stand beside each other as two words.
    parts = {token: SEGMENT.findall(token) for token in contexts}
    wanted = {
        (left.lower(), right.lower())
        for segments in parts.values()
        for left, right in zip(segments, segments[1:], strict=False)
    }
    pairs: Counter[str] = Counter()
    firsts = {left for left, _ in wanted}
    for text in texts:
        lower = text.lower().replace("-", " ").split(" ")
        pairs.update(
            {
                f"{left} {right}"
                for left, right in zip(lower, lower[1:], strict=False)
                if left in firsts and (left, right) in wanted
            }
        )
    known = available_languages()
    return Vocabulary(
        words={word: n for word, n in words.items() if n > 1},
        starts={word: n for word, n in starts.items() if n > 1},
        ends={word: n for word, n in ends.items() if n > 1},
        labels={label: n for label, n in labels.items() if n > 1},
        joined={token: len(found) for token, found in contexts.items() if len(found) > 1},
        pairs=dict(pairs),
        n_texts=len(texts),
        glued_share=sum(len(_GLUED.findall(text)) for text in texts) / max(1, len(texts)),
        languages=tuple(sorted({language for language in languages if language in known})),
    )
