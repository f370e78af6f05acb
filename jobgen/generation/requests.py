"""Prompts -> requests, what an engine is asked to write; completions, what it writes."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from jobgen.common.config import GenerateConfig
from jobgen.common.errors import InputError
from jobgen.common.logging import logger
from jobgen.models.protocols import Tokenizer
from jobgen.models.sequence import encode, escape_prompts, render_prompt

# The number of a prompt, from 0, which decides what is drawn; its title; its keywords.
NumberedPrompt = tuple[int, str, list[str]]
# Is given each token id of the first text, while it is written.
Streamer = Callable[[int], None]
# Is told the number of new tokens of all texts, each time there are some.
OnTokens = Callable[[int], None]


class Request(NamedTuple):
    """One text to write.

    Attributes:
        prompt: the number of the prompt, from 0.
        candidate: the number of the text among those of its prompt, from 0.
        ids: the tokens of the prompt.
        keywords: what guidance makes the text mention.
    """

    prompt: int
    candidate: int
    ids: list[int]
    keywords: list[str]


class Completion(NamedTuple):
    """The text of a request, in tokens.

    Attributes:
        ids: its tokens without the end token.
        finished: whether the end token came before the length limit.
        nats: negative log-likelihood of all tokens, the end token among them, under the model
            itself: without guidance, penalties and filters.
    """

    ids: list[int]
    finished: bool
    nats: float


def ignore(number: int) -> None:
    """Do nothing: where nobody streams or counts tokens."""


def cap_max_length(config: GenerateConfig, limit: int | None) -> GenerateConfig:
    """Check max_length against the model's positions; lower it where the configuration says so.

    Raises:
        InputError: max_length is beyond them, and `beyond_positions` is "stop".
    """
    if limit is None or config.max_length <= limit:
        return config
    given = f"max_length {config.max_length} is beyond the {limit} positions of {config.model}"
    if config.beyond_positions == "stop":
        raise InputError("max_length", f"{given}; accepted: at most {limit}")
    logger.warning(f"{given}; lowered to {limit}")
    return config.model_copy(update={"max_length": limit})


def number_prompts(
    prompts: Sequence[tuple[str, list[str]]], tokenizer: Tokenizer, config: GenerateConfig
) -> list[NumberedPrompt]:
    """Number prompts, after their special tokens were escaped and their keywords made to fit.

    Raises:
        InputError: a title leaves no room for a text.
    """
    safe, escaped = escape_prompts(prompts, tokenizer)
    if escaped:
        logger.info(f"note: {escaped} special-token strings in the prompts were escaped")
    return [
        (number, title, fit_keywords(tokenizer, title, keywords, config))
        for number, (title, keywords) in enumerate(safe)
    ]


def fit_keywords(
    tokenizer: Tokenizer, title: str, keywords: list[str], config: GenerateConfig
) -> list[str]:
    """The first keywords that leave half of max_length to the text; a warning names the others.

    Raises:
        InputError: the title alone leaves no room for a text.
    """
    n = len(keywords)
    encode_prompt(tokenizer, title, [], config)
    while n and _prompt_tokens(tokenizer, title, keywords[:n]) > config.max_length // 2:
        n -= 1
    if n < len(keywords):
        left_out = ", ".join(keywords[n:])
        logger.warning(
            f'prompt "{title[:60]}": no room for {len(keywords) - n} keywords: {left_out}'
        )
    return keywords[:n]


def _prompt_tokens(tokenizer: Tokenizer, title: str, keywords: list[str]) -> int:
    return len(encode(tokenizer, [render_prompt(title, keywords)])[0])


def encode_prompt(
    tokenizer: Tokenizer, title: str, keywords: list[str], config: GenerateConfig
) -> list[int]:
    """The tokens of a prompt.

    Raises:
        InputError: it leaves no room for a text.
    """
    ids = encode(tokenizer, [render_prompt(title, keywords)])[0]
    if len(ids) >= config.max_length:
        raise InputError(
            f'prompt "{title[:60]}"',
            f"title and keywords take {len(ids)} tokens; max_length is {config.max_length}",
        )
    return ids
