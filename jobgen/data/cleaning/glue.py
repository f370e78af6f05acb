"""Restore the line breaks that scraping lost between sentences, headings and items."""

import re
from collections import Counter

from jobgen.data.cleaning.glued_marks import split_at_fields, split_at_marks
from jobgen.data.cleaning.openers import (
    HEADINGS,
    OPENERS,
    OPENERS_AFTER_CAPITALS,
    SHORT_OPENERS,
    SURE_HEADINGS,
)
from jobgen.data.keywords.parts_of_speech import part_of_speech
from jobgen.data.vocabulary import SEGMENT, WORD, Vocabulary, camel_words
from jobgen.text.characters import LOWER, UPPER

# Without a table, the general English word list decides.
_NO_TABLE = Vocabulary()
_ADDRESS = re.compile(r"@|://|(?i:www)\.|\w\.[a-z]{2,}/")
# A spelled out address goes on: `jane at example dot com`.
_SPELLED = re.compile(r"\s?[\[({<]\s?(?i:at|dot)\s?[\])}>]|\s(?i:dot)\s")
_SPELLED_BEFORE = re.compile(r"[\[({<]\s?(?i:at|dot)\s?[\])}>]\s?\Z|\s(?i:dot)\s\Z")
# A capitalized word before a word, as in the titles and headings to which the text is glued.
_IN_TITLE = re.compile(rf"[{UPPER}][{LOWER}]{{0,30}}[ ]\Z")
# Programming languages whose name is one letter.
_LANGUAGES = {"C", "R"}
# Endings of German words that address women and men: `MitarbeiterInnen`.
_GENDERED = {"In", "Innen"}
_MOST_SEGMENTS = 8
# So many postings begin a sentence with a word that is hardly the second half of a name.
_MANY_STARTS = 5
# What follows a name in a list, or as an owner, more often than the first word of a sentence.
_AFTER_NAME = re.compile(rf",\s?(?:[{UPPER}]|(?:and|or|etc)\b)|[.);'’®™]")
# A name is about as frequent as its second half on its own, a glued word by far less.
_NAME_RATIO = 0.3
# Postings from which the absence of a word in a sample says something.
_LARGE = 50
# So many postings, or contexts, are needed for the table to speak.
_FEW = 3
# The shortest words that a line break may follow or precede without clearer signs.
_SHORTEST, _SHORTEST_AFTER = 4, 3


def split_glued(text: str, vocabulary: Vocabulary | None = None) -> tuple[str, int]:
    r"""Restore the lost line break between two sentences or items, or between heading and text.

    Args:
        text: a posting.
        vocabulary: the words of its table; None to go by the general list of English words.

    >>> split_glued("your responsibilitiesYou use JavaScript. Get it right.Key skills")
    ('your responsibilities\nYou use JavaScript. Get it right.\nKey skills', 2)
    >>> split_glued("SummaryBikes are what we do (and more)Benefits are great")
    ('Summary\nBikes are what we do (and more)\nBenefits are great', 2)
    >>> split_glued("Requirements3+ years of PythonBachelor degree")
    ('Requirements\n3+ years of Python\nBachelor degree', 2)
    """
    vocabulary = vocabulary or _NO_TABLE
    text, fields = split_at_fields(text, vocabulary)
    text, words = _split_words(text, vocabulary)
    text, sentences = split_at_marks(text, vocabulary)
    return text, fields + words + sentences


def _split_words(text: str, vocabulary: Vocabulary) -> tuple[str, int]:
    """Split the words with capital letters inside that are two or more words."""
    pieces: list[str] = []
    copied_to = total = 0
    own_words: Counter[str] = Counter()  # of this text: the name of a company occurs again in it
    for start, end in camel_words(text):
        if _is_code(text, start, end):
            continue
        own_words = own_words or Counter(WORD.findall(text))
        in_title = bool(_IN_TITLE.search(text, max(0, start - 40), start))
        words = _words_of(text[start:end], own_words, in_title, vocabulary)
        if len(words) > 1 and _AFTER_NAME.match(text, end):
            words = _without_last_break(words, vocabulary)
        if len(words) > 1:
            pieces += [text[copied_to:start], "\n".join(words)]
            copied_to, total = end, total + len(words) - 1
    return "".join([*pieces, text[copied_to:]]), total


def _is_code(text: str, start: int, end: int) -> bool:
    """Whether a word stands in an address, a tag, or a piece of code."""
    if text[start - 1 : start] in set("@#$_\\&=<") or text[end : end + 1] in set("@_=(\\"):
        return True
    if text[start - 1 : start] == "." and text[start].islower():
        return True  # `$.openDialog`
    if _SPELLED.match(text, end) or _SPELLED_BEFORE.search(text[max(0, start - 8) : start]):
        return True
    before = text[max(0, start - 80) : start].split()
    is_joined = before and not text[start - 1].isspace()
    is_address = is_joined and _ADDRESS.search(before[-1])
    return bool(is_address or re.match(r"\.[a-z]", text[end : end + 2]))


def _words_of(
    token: str, own_words: Counter[str], in_title: bool, vocabulary: Vocabulary
) -> list[str]:
    """The words that a word with capital letters inside consists of; itself alone if it is one.

    Args:
        token: the word with capital letters inside.
        own_words: word of its posting -> how often it occurs there.
        in_title: whether the word before it begins with a capital letter.
        vocabulary: the words of the table.
    """
    middle = len(token) // 2
    is_double = len(token) >= 2 * _SHORTEST and token[:middle] == token[middle:]
    if is_double and own_words[token[:middle]]:
        return [token[:middle]] * 2  # a name that ends a heading and begins the text
    segments = SEGMENT.findall(token)
    if len(segments) > _MOST_SEGMENTS or len(segments) < 2:
        return [token]
    looks_like_words = token[0].islower() or _opens(segments[-2], segments[-1], vocabulary)
    is_repeated = own_words[token] > 1 and segments[0].lower() not in SURE_HEADINGS
    if vocabulary.is_name(token, is_likely=not looks_like_words) or (
        is_repeated and not looks_like_words
    ):
        return [token]
    # The fewest words that give the token: JavaScript is known, so `JavaScriptExperience` is two.
    best: list[list[str] | None] = [[], *[None] * len(segments)]
    for end in range(1, len(segments) + 1):
        for start in range(end):
            word, words = "".join(segments[start:end]), best[start]
            if words is None:
                continue
            is_part = end - start < len(segments)
            is_repeated = is_part and len(word) > 2 and word in own_words
            if not is_repeated and not _can_follow(
                words, word, end - start, segments[end:], vocabulary
            ):
                continue
            shortest = best[end]
            if shortest is None or len(words) + 1 < len(shortest):
                best[end] = [*words, word]
    words = best[-1] or [token]
    split = [words[0]]
    for left, right in zip(words, words[1:], strict=False):
        if _are_glued(left, right, token, in_title, vocabulary):
            split.append(right)
        else:
            split[-1] += right
    return split


def _without_last_break(words: list[str], vocabulary: Vocabulary) -> list[str]:
    """Words before `, Java` or `'s`, of which the last two may be a name: `SideKick's`."""
    left, right = words[-2:]
    may_be_name = left[0].isupper() and not left.isupper() and left.lower() not in SURE_HEADINGS
    begins = _opens(left, right, vocabulary) or vocabulary.starts.get(right, 0) >= _MANY_STARTS
    if may_be_name and left != right and not begins:
        return [*words[:-2], left + right]
    return words


def _opens(left: str, right: str, vocabulary: Vocabulary) -> bool:
    """Whether the right word begins a sentence, an item or a heading, going by the word itself."""
    word, has_lost_breaks = right.lower(), vocabulary.has_lost_breaks
    if right.isupper() and len(right) > 1 and not has_lost_breaks:
        return False  # `SpeedUP` is a name
    if not (left.islower() or has_lost_breaks):
        return word in OPENERS_AFTER_CAPITALS
    return word in OPENERS or word in HEADINGS or word in SHORT_OPENERS


def _can_follow(
    words: list[str], word: str, n_segments: int, rest: list[str], vocabulary: Vocabulary
) -> bool:
    """Whether a token that begins with these words can go on with this one.

    Args:
        words: the words so far.
        word: what may be the next one.
        n_segments: number of its segments.
        rest: the segments after it.
        vocabulary: the words of the table.
    """
    if n_segments > 1:
        is_part = words or rest  # the whole has been looked at before
        return bool(is_part) and (vocabulary.is_name(word) or _is_own_name(word, vocabulary))
    if vocabulary.is_word(word) or (not words and word in _LANGUAGES):
        return True
    if len(word) < _SHORTEST:
        return False
    # A rare word before what begins a sentence; or, after a heading, the name of a company.
    has_lost_breaks = vocabulary.has_lost_breaks
    begins = rest and (
        _opens(word, rest[0], vocabulary)
        or (has_lost_breaks and vocabulary.starts.get(rest[0], 0) >= _FEW)
    )
    is_rare_word = bool(begins) and not words and (word.islower() or has_lost_breaks)
    is_headed = len(words) == 1 and words[0].lower() in SURE_HEADINGS
    return is_rare_word or is_headed


def _is_own_name(token: str, vocabulary: Vocabulary) -> bool:
    """Whether the table has a word with capital letters inside about as often as its parts."""
    seen = vocabulary.joined.get(token, 0)
    counts = [vocabulary.words.get(part, 0) for part in SEGMENT.findall(token)]
    # After a plain word the second half may be a rare one: `environmentConsistently`.
    is_plain = token[0].islower() and vocabulary.has_lost_breaks
    alone = max(counts) if is_plain else min(counts)
    return seen >= _FEW and seen >= _NAME_RATIO * alone


def _are_glued(left: str, right: str, token: str, in_title: bool, vocabulary: Vocabulary) -> bool:
    """Whether a line break was lost between two words of a token."""
    is_gendered = right in _GENDERED and "de" in vocabulary.languages
    if is_gendered or len(right) < 2:
        return False
    has_lost_breaks = vocabulary.has_lost_breaks
    if left.lower() in SURE_HEADINGS:
        return True
    if _opens(left, right, vocabulary) and (len(left) > 2 or left in _LANGUAGES or has_lost_breaks):
        return True
    if left in _LANGUAGES:
        return has_lost_breaks and vocabulary.starts.get(right, 0) >= _FEW
    if len(left) < 2 or _is_name(left, right, token, vocabulary):
        return False
    begins = vocabulary.starts.get(right, 0)
    if left.islower() and len(left) >= _SHORTEST and len(right) >= _SHORTEST_AFTER:
        if vocabulary.n_texts >= _LARGE and not (begins or has_lost_breaks):
            return False  # no sentence of a large table begins so: `randomForest`
        return right[1:].islower() or len(right) > _SHORTEST or has_lost_breaks
    if has_lost_breaks and len(right) >= _SHORTEST_AFTER:
        # In running text, names are two words of which no sentence ends and begins: `DataStage`.
        is_no_name = (
            in_title
            or begins > 0
            or right.isupper()
            or part_of_speech(right) != "noun"
            or left in vocabulary.ends
        )
        return is_no_name and (len(left) >= _SHORTEST_AFTER or vocabulary.count(left) >= _FEW)
    return left.isupper() and len(left) > _SHORTEST


def _is_name(left: str, right: str, token: str, vocabulary: Vocabulary) -> bool:
    """Whether the table shows that two words are one name.

    It is about as frequent as its halves, or the table also writes them one after the other, as in
    `DataScience` and `Data Science`.
    """
    is_lost = vocabulary.has_lost_breaks and (left.islower() or left.lower() in SHORT_OPENERS)
    if not is_lost and vocabulary.pairs.get(f"{left} {right}".lower(), 0) > _FEW:
        return True
    return _is_own_name(token, vocabulary)
