"""Requests -> completions with transformers, many at a time.

A batch has a fixed number of slots, and a slot holds one text while it is written. When the text
ends, the slot is free, and the next waiting request takes it: a batch stays full until no request
waits any more (continuous batching). One turn of the batch writes one token in each slot;
`generate_completions` numbers its steps.
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import psutil
import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache, PreTrainedModel

from jobgen.common.config import GenerateConfig
from jobgen.common.distributed import process_count
from jobgen.common.errors import InputError
from jobgen.common.logging import logger
from jobgen.generation.kv_cache import KVCache
from jobgen.generation.requests import Completion, OnTokens, Request, Streamer, ignore
from jobgen.generation.sampling import Sampler
from jobgen.models.loading import computes_bfloat16
from jobgen.models.protocols import Tokenizer

# More slots than these gained no speed where it was measured (EXPERIMENTS.md).
_MAX_BATCH_SIZE = {"cpu": 64, "cuda": 256}
_CACHE_SHARE = 0.5  # of the free memory
_COMPACT_SHARE = 0.7  # a batch with no more slots in use than this share of them is made smaller


def pick_device(device: str) -> str:
    """Resolve "auto", a GPU for each process; check that a GPU that was asked for exists."""
    if device == "auto":
        number = f":{os.environ['LOCAL_RANK']}" if process_count() > 1 else ""
        return f"cuda{number}" if torch.cuda.is_available() else "cpu"
    kind, _, number = device.partition(":")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise InputError("device", f'"{device}": this machine has no such GPU; use "auto"')
    return device


def place_model(model: torch.nn.Module, device: str, half_precision: bool) -> None:
    """Move a model to a device, in 16 bits where the hardware computes in them."""
    model.to(device)
    if half_precision and computes_bfloat16(torch.device(device)):
        model.to(torch.bfloat16)
    elif half_precision and device != "cpu":
        model.to(torch.float16)


def generate_completions(
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    requests: Sequence[Request],
    config: GenerateConfig,
    batch_size: int,
    streamer: Streamer | None = None,
    on_tokens: OnTokens = ignore,
) -> Iterator[tuple[Request, Completion]]:
    """Write the text of each request; those with the longest prompts begin first.

    The request, the seed and the weights decide a text. The texts beside it change it by no more
    than the rounding of sums, which differs with the size of the batch.

    Args:
        model: a fine-tuned causal LM, on the device where it is to run.
        tokenizer: its tokenizer, with the special tokens.
        requests: what to write.
        config: lengths, sampling settings, seed, guidance.
        batch_size: number of texts written at the same time, at most.
        streamer: is given each token of the first slot; None: nobody streams.
        on_tokens: is told the number of new tokens after each turn of the batch.

    Yields:
        Each request with its completion, in the order in which they end.
    """
    model.eval()
    waiting = _longest_first(requests)
    batch: _Batch | None = None
    while waiting:
        try:
            # 1. Begin: the first requests take the slots, and their prompts are read.
            batch = _Batch(model, tokenizer, waiting, min(batch_size, len(waiting)), config)
            while True:
                # 2. Draw the next token of each text.
                texts = len(batch.sampler.unfinished())
                completed = batch.sampler.sample(batch.logits)
                on_tokens(texts)
                if streamer:
                    streamer(int(batch.sampler.tokens[0]))
                # 3. Hand on what has ended, before anything else can fail: its slots are free.
                yield from completed
                if batch.is_done():
                    break
                # 4. Once no request waits any more, drop free slots.
                batch.compact()
                # 5. Read the drawn tokens, for the logits of the next ones.
                batch.forward()
                # 6. Fill free slots with waiting requests, and read their prompts.
                batch.add_requests()
        except (RuntimeError, MemoryError) as error:
            # 7. Out of memory: what is unfinished begins again, in a smaller batch.
            if batch_size == 1 or not _is_out_of_memory(error):
                raise
            waiting = _longest_first([*(batch.sampler.unfinished() if batch else []), *waiting])
            batch, batch_size = None, max(1, batch_size // 2)
            logger.info(f"note: out of memory; continuing with batches of {batch_size}")


def _longest_first(requests: Iterable[Request]) -> deque[Request]:
    # So that a prompt that comes in later never needs more columns of the cache than there are.
    return deque(sorted(requests, key=lambda request: -len(request.ids)))


def _is_out_of_memory(error: BaseException) -> bool:
    # PyTorch's allocator of a CPU has no class of its own for it.
    known = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return known or "not enough memory" in str(error)


def batch_size_that_fits(model: PreTrainedModel, max_length: int) -> int:
    """The number of slots whose key-value cache the free memory holds.

    Args:
        model: on the device where it is to run.
        max_length: most tokens in a slot.
    """
    config, device = model.config, model.device
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    # Keys and values of each layer; KVCache has up to 1.5 times as many columns as tokens.
    slot_bytes = 2 * config.num_hidden_layers * heads * width * model.dtype.itemsize
    slot_bytes *= 1.5 * max_length
    slot_bytes += 16 * config.vocab_size  # scores
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0]
    else:
        free = psutil.virtual_memory().available / process_count()
    most = _MAX_BATCH_SIZE.get(device.type, _MAX_BATCH_SIZE["cpu"])
    return int(min(max(1, _CACHE_SHARE * free / slot_bytes), most))


def _pad_left(rows: Sequence[Sequence[int]], padding: int) -> torch.Tensor:
    tensors = [torch.tensor(row) for row in rows]
    return pad_sequence(tensors, batch_first=True, padding_value=padding, padding_side="left")


class _Batch:
    """The texts that are being written: their sampler, key-value cache and logits.

    Args:
        model: as for `generate_completions`.
        tokenizer: as for `generate_completions`.
        waiting: the requests that have not begun; the batch takes from it those that begin.
        batch_size: number of slots.
        config: as for `generate_completions`.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: Tokenizer,
        waiting: deque[Request],
        batch_size: int,
        config: GenerateConfig,
    ):
        self.model, self.tokenizer, self.waiting = model, tokenizer, waiting
        vocab_size = model.get_output_embeddings().weight.shape[0]
        keywords = [request.keywords for request in waiting]
        self.sampler = Sampler(tokenizer, vocab_size, batch_size, config, model.device, keywords)
        self.cache = KVCache(model.config.num_hidden_layers, batch_size, config.max_length)
        self.logits = torch.zeros(batch_size, vocab_size, device=model.device)  # (B, V)
        self.add_requests()

    def is_done(self) -> bool:
        """Whether nothing is left to write."""
        return not self.sampler.unfinished() and not self.waiting

    @torch.no_grad()
    def add_requests(self) -> None:
        """Move waiting requests into the free slots, as many as there are."""
        slots = self.sampler.free_slots()
        requests = list(islice(self.waiting, len(slots)))
        if not requests:
            return
        slots, device = slots[: len(requests)], self.model.device
        # 1. Read each different prompt once, padded on the left: all end at the same column.
        prompts = list(dict.fromkeys(tuple(request.ids) for request in requests))
        ids = _pad_left(prompts, self.tokenizer.pad_token_id).to(device)  # (prompts, T)
        mask = _pad_left([[1] * len(prompt) for prompt in prompts], 0).to(device)
        prefilled = DynamicCache()
        output = self.model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=(mask.cumsum(dim=1) - 1).clamp(min=0),
            past_key_values=prefilled,
            use_cache=True,
            logits_to_keep=1,
        )
        # 2. Copy cache and logits of its prompt into the slot of each request.
        self.cache.end = self.cache.end or ids.shape[1]
        sources = [prompts.index(tuple(request.ids)) for request in requests]
        self.cache.insert(slots, prefilled, sources)
        self.logits[slots] = output.logits[sources, -1].float()
        # 3. Only now have they begun: if memory ran out before, they are still waiting.
        for slot in slots:
            self.sampler.add_request(slot, self.waiting.popleft())

    def compact(self) -> None:
        """Drop the free slots, if no request waits for them and they are enough to matter."""
        used = self.sampler.used_slots()
        if self.waiting or len(used) > _COMPACT_SHARE * len(self.sampler.requests):
            return
        slots = torch.tensor(used, device=self.model.device)
        self.sampler.compact(slots)
        self.cache.compact(slots)
        self.logits = self.logits[slots]

    @torch.no_grad()
    def forward(self) -> None:
        """Read the newest token of each slot; `logits` are then those of the next one."""
        if not self.sampler.used_slots():
            self.cache.first = self.cache.end = 0  # all texts ended at once: start afresh
            return
        lengths = self.sampler.lengths()  # (B,)
        longest = int((lengths * self.sampler.active).max())
        self.cache.first = self.cache.end + 1 - longest
        distance = torch.arange(longest, 0, -1, device=lengths.device)  # (T,), 1 in the last column
        output = self.model(
            input_ids=self.sampler.tokens[:, None],
            attention_mask=(distance <= lengths[:, None]).long(),  # (B, T)
            position_ids=(lengths - 1)[:, None],
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        self.cache.advance()
        self.logits = output.logits[:, -1].float()
