"""The sequence that the model sees: special tokens, rendering, and the way back.

`<|BOS|>` title `<|SEP|>` keyword, keyword, ... `<|SEP|>` text `<|EOS|>`, with nothing in between.
Tokens and their order are the original project's, so that its checkpoints fit. No other module
knows this format.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

BOS, EOS, UNK, PAD, SEP = "<|BOS|>", "<|EOS|>", "<|UNK|>", "<|PAD|>", "<|SEP|>"

# In the order in which they are added to a vocabulary; their ids follow from it.
SPECIAL_TOKENS = {
    "bos_token": BOS,
    "eos_token": EOS,
    "unk_token": UNK,
    "pad_token": PAD,
    "sep_token": SEP,
}


class Parsed(NamedTuple):
    """The parts of a rendered sequence."""

    title: str
    keywords: list[str]
    text: str
    finished: bool


def render_prompt(title: str, keywords: Iterable[str]) -> str:
    """What generation starts from, and every training sequence as well.

    >>> render_prompt("Nurse", ["night shifts", "ICU"])
    '<|BOS|>Nurse<|SEP|>night shifts, ICU<|SEP|>'
    """
    return f"{BOS}{title}{SEP}{', '.join(keywords)}{SEP}"


def render_completion(text: str) -> str:
    """What the model is to write after the prompt.

    >>> render_completion("We look for a nurse.")
    'We look for a nurse.<|EOS|>'
    """
    return f"{text}{EOS}"


def parse(sequence: str) -> Parsed:
    """Take a rendered sequence apart; `finished` says whether its end token was there.

    >>> parse("<|BOS|>Nurse<|SEP|>ICU, nights<|SEP|>We look for a nurse.<|EOS|><|PAD|>")
    Parsed(title='Nurse', keywords=['ICU', 'nights'], text='We look for a nurse.', finished=True)
    """
    title, keywords, rest = sequence.removeprefix(BOS).split(SEP, 2)
    text, end, _ = rest.partition(EOS)
    return Parsed(title, [word for word in keywords.split(", ") if word], text, bool(end))


def neutralise(text: str, tokens: Iterable[str]) -> tuple[str, int]:
    """Break up special tokens that stand in a user's text, so that they stay ordinary characters.

    Args:
        text: a title, keyword or posting.
        tokens: the special tokens of the tokenizer in use.

    Returns:
        The text with a blank after the first character of each, and how many there were.

    >>> neutralise("end <|EOS|> here", [BOS, EOS])
    ('end < |EOS|> here', 1)
    """
    pattern = "|".join(re.escape(token) for token in sorted(tokens, key=len, reverse=True))
    return re.subn(pattern, lambda match: f"{match[0][0]} {match[0][1:]}", text)
