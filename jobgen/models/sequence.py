"""The sequence that the model sees: its special tokens, rendering, parsing and encoding.

It is `<|BOS|>` title `<|SEP|>` keyword, keyword, ... `<|SEP|>` text `<|EOS|>`, with nothing in
between. The tokens and their order are those of the original project, so that its checkpoints fit.
No other module knows this format.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pandas as pd

from jobgen.models.protocols import Tokenizer

BOS, EOS, UNK, PAD, SEP = "<|BOS|>", "<|EOS|>", "<|UNK|>", "<|PAD|>", "<|SEP|>"

# Their ids follow from this order, in which they are added to a vocabulary.
SPECIAL_TOKENS = {
    "bos_token": BOS,
    "eos_token": EOS,
    "unk_token": UNK,
    "pad_token": PAD,
    "sep_token": SEP,
}


class Parsed(NamedTuple):
    """The parts of a rendered sequence, and whether it has its end token."""

    title: str
    keywords: list[str]
    text: str
    finished: bool


def render_prompt(title: str, keywords: Iterable[str]) -> str:
    """Render the prompt that generation starts from, and every training sequence too.

    >>> render_prompt("Nurse", ["night shifts", "ICU"])
    '<|BOS|>Nurse<|SEP|>night shifts, ICU<|SEP|>'
    """
    return f"{BOS}{title}{SEP}{', '.join(keywords)}{SEP}"


def render_completion(text: str) -> str:
    """Render what the model is to generate after the prompt.

    >>> render_completion("We look for a nurse.")
    'We look for a nurse.<|EOS|>'
    """
    return f"{text}{EOS}"


def parse(sequence: str) -> Parsed:
    """Split a rendered sequence into its parts.

    >>> parse("<|BOS|>Nurse<|SEP|>ICU, nights<|SEP|>We look for a nurse.<|EOS|><|PAD|>")
    Parsed(title='Nurse', keywords=['ICU', 'nights'], text='We look for a nurse.', finished=True)
    """
    title, keywords, rest = sequence.removeprefix(BOS).split(SEP, 2)
    text, end, _ = rest.partition(EOS)
    return Parsed(title, [word for word in keywords.split(", ") if word], text, bool(end))


def escape_special_tokens(text: str, tokens: Iterable[str]) -> tuple[str, int]:
    """Escape special tokens in a user's text, so that they are read as ordinary characters.

    Args:
        text: a title, keyword or posting.
        tokens: the special tokens of the tokenizer in use.

    Returns:
        The text with a blank after the first character of each, and the number of tokens escaped.

    >>> escape_special_tokens("end <|EOS|> here", [BOS, EOS])
    ('end < |EOS|> here', 1)
    """
    pattern = "|".join(re.escape(token) for token in sorted(tokens, key=len, reverse=True))
    return re.subn(pattern, lambda match: f"{match[0][0]} {match[0][1:]}", text)


def encode(tokenizer: Tokenizer, texts: list[str]) -> list[list[int]]:
    """Token ids of rendered texts, without any tokens that a tokenizer would add by itself."""
    if not texts:
        return []
    return tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]


def escape_frame(frame: pd.DataFrame, tokenizer: Tokenizer) -> tuple[pd.DataFrame, int]:
    """Escape special tokens in titles, keywords (if there are any) and texts.

    Returns:
        The frame with escaped columns, and the number of tokens escaped.
    """
    tokens = special_tokens(tokenizer)
    total = 0

    def escape(text: str) -> str:
        nonlocal total
        text, count = escape_special_tokens(text, tokens)
        total += count
        return text

    frame = frame.copy()
    for column in ("title", "text"):
        frame[column] = frame[column].map(escape)
    if "keywords" in frame:
        frame["keywords"] = frame["keywords"].map(lambda words: [escape(word) for word in words])
    return frame, total


def count_tokens(frame: pd.DataFrame, tokenizer: Tokenizer) -> list[int]:
    """Number of tokens of each row's rendered sequence, with all its keywords."""
    prompts = [render_prompt(*row) for row in zip(frame["title"], frame["keywords"], strict=True)]
    completions = [render_completion(text) for text in frame["text"]]
    pairs = zip(encode(tokenizer, prompts), encode(tokenizer, completions), strict=True)
    return [len(prompt) + len(completion) for prompt, completion in pairs]


def special_tokens(tokenizer: Tokenizer) -> list[str]:
    """All strings that the tokenizer reads as one special token."""
    added = tokenizer.added_tokens_decoder.values()
    return [token.content for token in added if token.special]


def never_written(tokenizer: Tokenizer, vocabulary: int) -> list[int]:
    """Token ids that must not be generated: special tokens but the end, and vocabulary padding.

    The special tokens of the base model, such as the turns of a chat model, are among them.

    Args:
        tokenizer: the model's tokenizer, with the special tokens of our sequence.
        vocabulary: the size of the logits.

    Returns:
        The ids in ascending order.
    """
    special = set(tokenizer.convert_tokens_to_ids(special_tokens(tokenizer)))
    special |= set(range(len(tokenizer), vocabulary))
    return sorted(special - {tokenizer.eos_token_id})


def escape_prompts(
    prompts: Sequence[tuple[str, list[str]]], tokenizer: Tokenizer
) -> tuple[list[tuple[str, list[str]]], int]:
    """Escape special tokens in titles and keywords.

    Returns:
        The escaped prompts, and the number of tokens escaped.
    """
    tokens, total, escaped = special_tokens(tokenizer), 0, []
    for title, keywords in prompts:
        texts, counts = zip(
            *(escape_special_tokens(text, tokens) for text in (title, *keywords)), strict=True
        )
        total += sum(counts)
        escaped.append((texts[0], list(texts[1:])))
    return escaped, total
