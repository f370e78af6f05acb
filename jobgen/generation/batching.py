"""Tasks -> texts with transformers: as one text of the batch ends, the next takes its place."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import psutil
import torch
from transformers import DynamicCache

from jobgen.common.config import GenerateConfig
from jobgen.common.distributed import process_count
from jobgen.common.errors import InputError
from jobgen.common.logging import say
from jobgen.generation.kv_cache import KVCache
from jobgen.generation.requests import Completion, Request
from jobgen.generation.sampling import Sampler
from jobgen.models.loading import computes_bfloat16

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


def generate_completions(
    model: Any,
    tokenizer: Any,
    requests: Sequence[Request],
    config: GenerateConfig,
    rows: int,
    streamer: Callable[[int], Any] = lambda token: None,
) -> Iterator[tuple[Request, Completion]]:
    """Write a text for each task, the shortest prompts last.

    A text is decided by its task, the seed and the weights; what is written beside it changes it by
    no more than the rounding of sums, which differs with the size of the batch.

    Args:
        model: fine-tuned causal LM, where it is to run.
        tokenizer: its tokenizer, with the special tokens.
        requests: what to write.
        config: lengths, sampling settings, seed, guidance.
        rows: how many are written at the same time, at most.
        streamer: is given each token of the first row.

    Yields:
        Each task with its text, in the order in which they end.
    """
    model.eval()
    waiting, batch = _by_length(requests), None
    while waiting:
        try:
            batch = _Batch(model, tokenizer, waiting, min(rows, len(waiting)), config)
            while True:
                # What has ended is handed on first: whatever happens next, it is not lost.
                yield from batch.sample(streamer)
                if batch.is_done():
                    break
                batch.forward()
        except (RuntimeError, MemoryError) as error:
            if rows == 1 or not _is_out_of_memory(error):
                raise
            waiting = _by_length([*(batch.sampler.unfinished() if batch else []), *waiting])
            batch, rows = None, max(1, rows // 2)
            say(f"note: out of memory; going on with batches of {rows}")


def _by_length(requests: Iterable[Request]) -> deque[Request]:
    # Longest first, so that a prompt never needs more columns of the cache than there are.
    return deque(sorted(requests, key=lambda request: -len(request.ids)))


def _is_out_of_memory(error: BaseException) -> bool:
    # PyTorch's allocator of a CPU has no class of its own for it.
    known = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return known or "not enough memory" in str(error)


def batch_size_that_fits(model: Any, longest: int) -> int:
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
        model: as for `generate_completions`.
        tokenizer: as for `generate_completions`.
        waiting: tasks that are still to begin; those that begin are taken from it.
        rows: how many are written at the same time.
        config: as for `generate_completions`.
    """

    def __init__(
        self, model: Any, tokenizer: Any, waiting: deque[Request], rows: int, config: GenerateConfig
    ):
        self.model, self.tokenizer, self.waiting = model, tokenizer, waiting
        vocabulary = model.get_output_embeddings().weight.shape[0]
        keywords = [request.keywords for request in waiting]
        self.sampler = Sampler(tokenizer, vocabulary, rows, config, model.device, keywords)
        self.cache = KVCache(model.config.num_hidden_layers, rows, config.max_length)
        self.logits = torch.zeros(rows, vocabulary, device=model.device)
        self._add_requests()

    def is_done(self) -> bool:
        """Whether nothing is left to write."""
        return not self.sampler.unfinished() and not self.waiting

    @torch.no_grad()
    def _add_requests(self) -> None:
        """Begin waiting texts in the free places, as far as there are any."""
        places = self.sampler.free_slots()
        requests = list(islice(self.waiting, len(places)))
        if not requests:
            return
        places, device = places[: len(requests)], self.model.device
        prompts = list(dict.fromkeys(tuple(request.ids) for request in requests))
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
        sources = [prompts.index(tuple(request.ids)) for request in requests]
        self.cache.insert(places, prefilled, sources)
        self.logits[places] = output.logits[sources, -1].float()
        for place in places:
            self.sampler.add_request(place, self.waiting.popleft())

    def sample(self, streamer: Callable[[int], Any]) -> list[tuple[Request, Completion]]:
        """Draw the next token of each row; returns what has ended with it."""
        ended = self.sampler.sample(self.logits)
        streamer(int(self.sampler.tokens[0]))
        return ended

    @torch.no_grad()
    def forward(self) -> None:
        """Read the tokens that were drawn, then begin what waits in the places that are free."""
        going = [place for place, request in enumerate(self.sampler.requests) if request]
        if not self.waiting and len(going) <= _SMALLER * len(self.sampler.requests):
            rows = torch.tensor(going, device=self.model.device)
            self.sampler.compact(rows)
            self.cache.compact(rows)
            self.logits = self.logits[rows]
        if going:
            self._forward()
        else:
            self.cache.first = self.cache.end = 0
        self._add_requests()

    def _forward(self) -> None:
        length = self.sampler.lengths()  # (B,)
        most = int((length * self.sampler.alive).max())
        self.cache.first = self.cache.end + 1 - most
        columns = torch.arange(most, 0, -1, device=length.device)  # (most,), from the end
        output = self.model(
            input_ids=self.sampler.tokens[:, None],
            attention_mask=(columns <= length[:, None]).long(),  # (B, most)
            position_ids=(length - 1)[:, None],
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        self.cache.advance()
        self.logits = output.logits[:, -1].float()
