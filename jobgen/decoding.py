"""Prompts -> texts: one batch whose places are taken by the next text as soon as one has ended."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import psutil
import torch
from transformers import DynamicCache

from jobgen.cli import process_count, say
from jobgen.config import GenerateConfig
from jobgen.dataset import encode
from jobgen.errors import InputError
from jobgen.guidance import KeywordGuidance
from jobgen.kv_cache import KVCache
from jobgen.models import computes_bfloat16, special_tokens
from jobgen.prompts import neutralise, render_prompt
from jobgen.sampling import forbid_repeated_ngrams, penalise_repetition, pick

# More rows than these gained no speed where it was measured (EXPERIMENTS.md).
_MOST_ROWS = {"cpu": 64, "cuda": 256}
_SHARE_OF_MEMORY = 0.5  # of what is free, for the cache
_SMALLER = 0.7  # a batch that has shrunk to this share of its rows is made smaller


def pick_device(wanted: str) -> str:
    """Resolve "auto", a GPU for each process; check that a GPU that was asked for is there."""
    if wanted == "auto":
        own = f":{os.environ['LOCAL_RANK']}" if process_count() > 1 else ""
        return f"cuda{own}" if torch.cuda.is_available() else "cpu"
    device = torch.device(wanted)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError("device", f'"{wanted}": this machine has no such GPU; use "auto"')
    return wanted


def place_model(model: Any, device: str, half_precision: bool) -> None:
    """Move a model to where it writes, in 16 bits where the hardware computes in them."""
    model.to(device)
    if half_precision and computes_bfloat16(torch.device(device)):
        model.to(torch.bfloat16)
    elif half_precision and device != "cpu":
        model.to(torch.float16)


def fit_to_positions(config: GenerateConfig, limit: int | None) -> GenerateConfig:
    """Check max_length against the model's positions; lower it where the configuration says so.

    Raises:
        InputError: it is beyond them, and `beyond_positions` is "stop".
    """
    if limit is None or config.max_length <= limit:
        return config
    given = f"max_length {config.max_length} is beyond the {limit} positions of {config.model}"
    if config.beyond_positions == "stop":
        raise InputError("max_length", f"{given}; accepted: at most {limit}")
    say(f"warning: {given}; lowered to {limit}")
    return config.model_copy(update={"max_length": limit})


def neutralise_prompts(
    prompts: Sequence[tuple[str, list[str]]], tokenizer: Any
) -> tuple[list[tuple[str, list[str]]], int]:
    """Break up special-token strings in titles and keywords; also returns how many there were."""
    tokens, total, safe = special_tokens(tokenizer), 0, []
    for title, keywords in prompts:
        parts = [neutralise(part, tokens) for part in (title, *keywords)]
        total += sum(count for _, count in parts)
        safe.append((parts[0][0], [text for text, _ in parts[1:]]))
    return safe, total


def fit_keywords(
    tokenizer: Any, title: str, keywords: list[str], config: GenerateConfig
) -> list[str]:
    """The first keywords that leave half of max_length to the text; the others are named.

    Raises:
        InputError: the title alone leaves no room for a text.
    """
    n = len(keywords)
    encode_prompt(tokenizer, title, [], config)
    while n and _prompt_tokens(tokenizer, title, keywords[:n]) > config.max_length // 2:
        n -= 1
    if n < len(keywords):
        left_out = ", ".join(keywords[n:])
        say(f'warning: prompt "{title[:60]}": no room for {len(keywords) - n} keywords: {left_out}')
    return keywords[:n]


def _prompt_tokens(tokenizer: Any, title: str, keywords: list[str]) -> int:
    return len(encode(tokenizer, [render_prompt(title, keywords)])[0])


def encode_prompt(
    tokenizer: Any, title: str, keywords: list[str], config: GenerateConfig
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


class Task(NamedTuple):
    """One text to write.

    Attributes:
        prompt: number of the prompt, from 0.
        candidate: number of the text among those of the prompt, from 0.
        ids: the prompt's tokens.
        keywords: that are to be in.
    """

    prompt: int
    candidate: int
    ids: list[int]
    keywords: list[str]


class Written(NamedTuple):
    """A text in tokens.

    Attributes:
        ids: without the end token.
        finished: whether the end token came, within the length limit.
        nats: negative log-likelihood of all that was drawn, under the model as it is: without
            guidance, penalties and filters.
    """

    ids: list[int]
    finished: bool
    nats: float


def write_texts(
    model: Any,
    tokenizer: Any,
    tasks: Sequence[Task],
    config: GenerateConfig,
    follow: Callable[[int], Any] = lambda token: None,
) -> Iterator[tuple[Task, Written]]:
    """Write a text for each task, the shortest prompts last.

    A text is decided by its task, the seed and the weights; what is written beside it changes it by
    no more than the rounding of sums, which differs with the size of the batch.

    Args:
        model: fine-tuned causal LM, where it is to run.
        tokenizer: its tokenizer, with the special tokens.
        tasks: what to write.
        config: lengths, sampling settings, seed, guidance.
        follow: is given each token of the first row.

    Yields:
        Each task with its text, in the order in which they end.
    """
    rows = config.batch_size or rows_that_fit(model, config.max_length)
    model.eval()
    waiting, batch = _by_length(tasks), None
    while waiting:
        try:
            batch = _Batch(model, tokenizer, waiting, min(rows, len(waiting)), config)
            while True:
                # What has ended is handed on first: whatever happens next, it is not lost.
                yield from batch.draw(follow)
                if batch.is_done():
                    break
                batch.read()
        except (RuntimeError, MemoryError) as error:
            if rows == 1 or not _is_out_of_memory(error):
                raise
            waiting = _by_length([*(batch.unfinished() if batch else []), *waiting])
            batch, rows = None, max(1, rows // 2)
            say(f"note: out of memory; going on with batches of {rows}")


def _by_length(tasks: Iterable[Task]) -> deque[Task]:
    # Longest first, so that a prompt never needs more columns of the cache than there are.
    return deque(sorted(tasks, key=lambda task: -len(task.ids)))


def _is_out_of_memory(error: BaseException) -> bool:
    # PyTorch's allocator of a CPU has no class of its own for it.
    known = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return known or "not enough memory" in str(error)


def rows_that_fit(model: Any, longest: int) -> int:
    """How many rows of a cache the free memory holds.

    Args:
        model: where it is to run.
        longest: most tokens of a row.
    """
    config, device = model.config, model.device
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    each = 2 * config.num_hidden_layers * heads * width * model.dtype.itemsize * 1.5 * longest
    each += 16 * config.vocab_size  # scores
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0]
    else:
        free = psutil.virtual_memory().available / process_count()
    most = _MOST_ROWS.get(device.type, _MOST_ROWS["cpu"])
    return int(min(max(1, _SHARE_OF_MEMORY * free / each), most))


class _Batch:
    """Texts that are being written.

    Args:
        model: as for `write_texts`.
        tokenizer: as for `write_texts`.
        waiting: tasks that are still to begin; those that begin are taken from it.
        rows: how many are written at the same time.
        config: as for `write_texts`.
    """

    def __init__(
        self, model: Any, tokenizer: Any, waiting: deque[Task], rows: int, config: GenerateConfig
    ):
        self.model, self.tokenizer, self.waiting, self.config = model, tokenizer, waiting, config
        self.vocabulary = model.get_output_embeddings().weight.shape[0]
        device, longest = model.device, config.max_length
        self.cache = KVCache(model.config.num_hidden_layers, rows, longest)
        self.tasks: list[Task | None] = [None] * rows
        # Also those of the base model, such as a chat model's turns, and rows of padded embeddings.
        special = set(tokenizer.convert_tokens_to_ids(special_tokens(tokenizer)))
        special |= set(range(len(tokenizer), self.vocabulary))
        never = sorted(special - {tokenizer.eos_token_id})
        self.never = torch.tensor(never, device=device)
        self.n_prompt = torch.zeros(rows, dtype=torch.long, device=device)
        self.n_text = torch.zeros(rows, dtype=torch.long, device=device)
        self.alive = torch.zeros(rows, dtype=torch.long, device=device)  # 1, or 0: a free place
        self.nats = torch.zeros(rows, dtype=torch.float64, device=device)
        self.uniform = torch.zeros(rows, longest, device=device)
        # (B, max_length), the newest token in the last column of those in use.
        self.text_ids = torch.full((rows, longest), tokenizer.pad_token_id, device=device)
        self.logits = torch.zeros(rows, self.vocabulary, device=device)
        self.guidance = None
        if config.guidance != "off":
            keywords = [task.keywords for task in waiting]
            self.guidance = KeywordGuidance(
                tokenizer, self.vocabulary, config.guidance, keywords, rows, device
            )
        self._enter()

    def unfinished(self) -> list[Task]:
        """The tasks that have begun and not ended."""
        return [task for task in self.tasks if task]

    def is_done(self) -> bool:
        """Whether nothing is left to write."""
        return not self.unfinished() and not self.waiting

    @torch.no_grad()
    def _enter(self) -> None:
        """Begin waiting texts in the free places, as far as there are any."""
        places = [place for place, task in enumerate(self.tasks) if task is None]
        tasks = list(islice(self.waiting, len(places)))
        if not tasks:
            return
        places, device = places[: len(tasks)], self.model.device
        prompts = list(dict.fromkeys(tuple(task.ids) for task in tasks))
        padded = self.tokenizer.pad({"input_ids": list(map(list, prompts))}, return_tensors="pt")
        ids, mask = padded["input_ids"].to(device), padded["attention_mask"].to(device)
        self.cache.end = self.cache.end or ids.shape[1]
        prefilled = DynamicCache()
        output = self.model(
            input_ids=ids,  # (prompts, width), padding on the left
            attention_mask=mask,
            position_ids=(mask.cumsum(dim=1) - 1).clamp(min=0),
            past_key_values=prefilled,
            use_cache=True,
            logits_to_keep=1,
        )
        sources = [prompts.index(tuple(task.ids)) for task in tasks]
        self.cache.put(places, prefilled, sources)
        self.logits[places] = output.logits[sources, -1].float()
        for place, task in zip(places, tasks, strict=True):
            self.n_prompt[place], self.n_text[place] = len(task.ids), 0
            self.nats[place], self.alive[place] = 0, 1
            self.text_ids[place] = self.tokenizer.pad_token_id
            own = np.random.default_rng([self.config.seed, task.prompt, task.candidate])
            uniform = own.random(self.config.max_length, np.float32)
            self.uniform[place] = torch.from_numpy(uniform).to(device)
            if self.guidance:
                self.guidance.enter(place, task.keywords)
            self.tasks[place] = self.waiting.popleft()

    @torch.no_grad()
    def draw(self, follow: Callable[[int], Any]) -> list[tuple[Task, Written]]:
        """Draw the next token of each row; returns what has ended with it."""
        self.tokens = self._draw()
        follow(int(self.tokens[0]))
        if self.guidance:
            self.guidance.observe(self.tokens, self._ids_of)
        length = self.n_prompt + self.n_text
        ended = (self.tokens == self.tokenizer.eos_token_id) | (length >= self.config.max_length)
        places = ended.nonzero()[:, 0].tolist() if ended.any() else []
        return [self._result(place) for place in places if self.tasks[place]]

    @torch.no_grad()
    def read(self) -> None:
        """Read the tokens that were drawn, then begin what waits in the places that are free."""
        going = [place for place, task in enumerate(self.tasks) if task]
        if not self.waiting and len(going) <= _SMALLER * len(self.tasks):
            self._keep(torch.tensor(going, device=self.model.device))
        if going:
            self._read()
        else:
            self.cache.first = self.cache.end = 0
        self._enter()

    def _read(self) -> None:
        length = self.n_prompt + self.n_text  # (B,)
        most = int((length * self.alive).max())
        self.cache.first = self.cache.end + 1 - most
        columns = torch.arange(most, 0, -1, device=length.device)  # (most,), from the end
        output = self.model(
            input_ids=self.tokens[:, None],
            attention_mask=(columns <= length[:, None]).long(),  # (B, most)
            position_ids=(length - 1)[:, None],
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        self.cache.advance()
        self.logits = output.logits[:, -1].float()

    def _draw(self) -> torch.Tensor:
        """The next token of each row, (B,)."""
        config, scores = self.config, self.logits.clone()
        rows = torch.arange(len(scores), device=scores.device)
        most = int(self.n_text.max())
        written = self.text_ids[:, self.text_ids.shape[1] - most :]  # (B, most)
        if most and config.repetition_penalty != 1:
            penalise_repetition(scores, written, config.repetition_penalty)
        if config.no_repeat_ngram_size:
            forbid_repeated_ngrams(scores, written, config.no_repeat_ngram_size)
        scores[:, self.never] = -torch.inf
        length = self.n_prompt + self.n_text
        if self.guidance:
            self.guidance.shift(scores, self.n_text, config.max_length - length)
        if config.min_length:
            scores[length < config.min_length, self.tokenizer.eos_token_id] = -torch.inf
        uniform = self.uniform[rows, self.n_text.clamp(max=config.max_length - 1)]
        tokens = pick(scores, uniform, config)
        self.nats += self.logits.logsumexp(dim=1) - self.logits[rows, tokens]
        self.text_ids = self.text_ids.roll(-1, dims=1)
        self.text_ids[:, -1] = tokens
        self.n_text += self.alive
        return tokens

    def _ids_of(self, place: int) -> list[int]:
        return self.text_ids[place, self.text_ids.shape[1] - int(self.n_text[place]) :].tolist()

    def _result(self, place: int) -> tuple[Task, Written]:
        task, ids = self.tasks[place], self._ids_of(place)
        self.tasks[place], self.alive[place] = None, 0
        finished = ids[-1] == self.tokenizer.eos_token_id
        return task, Written(ids[:-1] if finished else ids, finished, float(self.nats[place]))

    def _keep(self, rows: torch.Tensor) -> None:
        """Drop all rows but these."""
        self.tasks = [self.tasks[row] for row in rows.tolist()]
        self.cache.keep(rows)
        for name in (
            "n_prompt",
            "n_text",
            "alive",
            "nats",
            "uniform",
            "text_ids",
            "logits",
            "tokens",
        ):
            setattr(self, name, getattr(self, name)[rows])
        if self.guidance:
            self.guidance.keep(rows)
