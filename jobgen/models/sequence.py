"""The sequence that the model sees: special tokens, rendering, and the way back.

`<|BOS|>` title `<|SEP|>` keyword, keyword, ... `<|SEP|>` text `<|EOS|>`, with nothing in between.
Tokens and their order are the original project's, so that its checkpoints fit. No other module
knows this format.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import pandas as pd

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


def escape_special_tokens(text: str, tokens: Iterable[str]) -> tuple[str, int]:
    """Break up special tokens that stand in a user's text, so that they stay ordinary characters.

    Args:
        text: a title, keyword or posting.
        tokens: the special tokens of the tokenizer in use.

    Returns:
        The text with a blank after the first character of each, and how many there were.

    >>> escape_special_tokens("end <|EOS|> here", [BOS, EOS])
    ('end < |EOS|> here', 1)
    """
    pattern = "|".join(re.escape(token) for token in sorted(tokens, key=len, reverse=True))
    return re.subn(pattern, lambda match: f"{match[0][0]} {match[0][1:]}", text)


def encode(tokenizer, texts: list[str]) -> list[list[int]]:
    """Token ids of rendered text, without anything a tokenizer would add by itself."""
    if not texts:
        return []
    return tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]


def escape_frame(frame: pd.DataFrame, tokenizer) -> tuple[pd.DataFrame, int]:
    """Break up special-token strings in titles, keywords and texts; also returns how many."""
    tokens = special_tokens(tokenizer)
    total = 0

    def safe(text: str) -> str:
        nonlocal total
        text, count = escape_special_tokens(text, tokens)
        total += count
        return text

    frame = frame.copy()
    for column in ("title", "text"):
        frame[column] = frame[column].map(safe)
    if "keywords" in frame:
        frame["keywords"] = frame["keywords"].map(lambda words: [safe(word) for word in words])
    return frame, total


def count_tokens(frame: pd.DataFrame, tokenizer) -> list[int]:
    """Tokens of each row's whole rendered sequence with all its keywords."""
    prompts = [render_prompt(*row) for row in zip(frame["title"], frame["keywords"], strict=True)]
    completions = [render_completion(text) for text in frame["text"]]
    pairs = zip(encode(tokenizer, prompts), encode(tokenizer, completions), strict=True)
    return [len(prompt) + len(completion) for prompt, completion in pairs]


def special_tokens(tokenizer: Any) -> list[str]:
    """All strings that the tokenizer would read as one special token."""
    added = tokenizer.added_tokens_decoder.values()
    return [token.content for token in added if token.special]


def never_written(tokenizer: Any, vocabulary: int) -> list[int]:
    """Ids that no text holds: of special tokens but the end, and of embeddings without a token.

    The special ones are also those of the base model, such as a chat model's turns.

    Args:
        tokenizer: of the model, with the special tokens of our sequence.
        vocabulary: size of the logits.
    """
    special = set(tokenizer.convert_tokens_to_ids(special_tokens(tokenizer)))
    special |= set(range(len(tokenizer), vocabulary))
    return sorted(special - {tokenizer.eos_token_id})


def escape_prompts(
    prompts: Sequence[tuple[str, list[str]]], tokenizer: Any
) -> tuple[list[tuple[str, list[str]]], int]:
    """Break up special-token strings in titles and keywords; also returns how many there were."""
    tokens, total, safe = special_tokens(tokenizer), 0, []
    for title, keywords in prompts:
        parts = [escape_special_tokens(part, tokens) for part in (title, *keywords)]
        total += sum(count for _, count in parts)
        safe.append((parts[0][0], [text for text, _ in parts[1:]]))
    return safe, total
