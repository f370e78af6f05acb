"""Engines, which turn requests into completions: transformers, llama.cpp, vLLM.

All but vLLM draw their tokens with `sampling.Sampler`, and so can be guided.
"""

import os
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from transformers import PreTrainedModel

from jobgen.common.config import GenerateConfig
from jobgen.common.distributed import process_count
from jobgen.common.errors import InputError
from jobgen.generation import batching
from jobgen.generation.requests import Completion, OnTokens, Request, Streamer, ignore
from jobgen.generation.sampling import Sampler
from jobgen.models.protocols import LanguageModel, Tokenizer
from jobgen.models.sequence import never_written

# The optional engines: their module, and how to install it.
_OPTIONAL = {
    "llama.cpp": ("llama_cpp", "pip install -r requirements-llama-cpp.txt"),
    "vllm": ("vllm", "requirements-vllm.txt, in an environment of its own"),
}


class Engine(Protocol):
    """Writes the texts of requests.

    Attributes:
        batch_size: the number of texts that it writes at the same time.
    """

    batch_size: int

    def generate(
        self,
        requests: Sequence[Request],
        streamer: Streamer | None = None,
        on_tokens: OnTokens = ignore,
    ) -> Iterator[tuple[Request, Completion]]:
        """Write a text for each request.

        Args:
            requests: what to write.
            streamer: is given each token of the first text; None: nobody streams.
            on_tokens: is told the number of new tokens of all texts, again and again.

        Yields:
            Each request with its completion, in the order in which they end.
        """


def check_engine(config: GenerateConfig) -> None:
    """Refuse what an engine cannot do, before anything is loaded.

    Raises:
        InputError: it is not installed, or lacks something that the configuration asks for.
    """
    if config.engine == "transformers":
        return
    module, installation = _OPTIONAL[config.engine]
    if find_spec(module) is None:
        raise InputError(
            "engine", f'"{config.engine}" is not installed ({installation}); see docs/generation.md'
        )
    if config.model_preload:
        raise InputError(
            "engine",
            f'"{config.engine}" reads a model folder only; leave model_preload away, and name the'
            " folder as model",
        )
    if config.engine == "vllm":
        if config.guidance != "off":
            raise InputError(
                "engine",
                f'"vllm" cannot guide; it needs guidance="off" ("{config.guidance}" given).'
                " num_candidates keeps the texts with most keywords; transformers and llama.cpp"
                " guide",
            )
        if config.no_repeat_ngram_size:
            raise InputError("engine", '"vllm" knows no no_repeat_ngram_size; set it to null')


def open_engine(nlp: LanguageModel, config: GenerateConfig) -> Engine:
    """Load the engine that the configuration asks for.

    Args:
        nlp: the fine-tuned model; its weights are loaded only for transformers.
        config: engine, device, precision, and all that decides the texts.

    Raises:
        InputError: the engine is not installed, lacks something, or cannot run the model.
    """
    check_engine(config)
    device = batching.pick_device(config.device)
    if config.engine == "llama.cpp":
        return LlamaCppEngine(nlp.folder, nlp.tokenizer, config, device)
    if config.engine == "vllm":
        return VllmEngine(nlp.folder, nlp.tokenizer, config)
    batching.place_model(nlp.model, device, config.half_precision)
    return TransformersEngine(nlp.model, nlp.tokenizer, config)


class TransformersEngine:
    """PyTorch, with a batch of texts.

    Args:
        model: a fine-tuned causal LM, on the device where it is to run.
        tokenizer: its tokenizer, with the special tokens.
        config: batch size, and all that decides the texts.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: Tokenizer, config: GenerateConfig):
        self.model, self.tokenizer, self.config = model, tokenizer, config
        self.batch_size = config.batch_size or batching.batch_size_that_fits(
            model, config.max_length
        )

    def generate(
        self,
        requests: Sequence[Request],
        streamer: Streamer | None = None,
        on_tokens: OnTokens = ignore,
    ) -> Iterator[tuple[Request, Completion]]:
        """Write a text for each request; tokens are counted at each turn of the batch."""
        return batching.generate_completions(
            self.model,
            self.tokenizer,
            requests,
            self.config,
            self.batch_size,
            streamer,
            on_tokens,
        )


class LlamaCppEngine:
    """llama.cpp, one text after the other, with weights from a GGUF file.

    Args:
        folder: the model folder; the GGUF file is written into it at the first use.
        tokenizer: the tokenizer of the model.
        config: type of the weights, and all that decides the texts.
        device: "cpu", or a GPU, which then computes all layers.
    """

    batch_size = 1

    def __init__(self, folder: Path, tokenizer: Tokenizer, config: GenerateConfig, device: str):
        import llama_cpp

        from jobgen.models.gguf import gguf_of

        self.tokenizer, self.config = tokenizer, config
        # Keys and values have 16 bits by default, whatever the weights have.
        fp32_cache = {"type_k": llama_cpp.GGML_TYPE_F32, "type_v": llama_cpp.GGML_TYPE_F32}
        self.llama = llama_cpp.Llama(
            str(gguf_of(folder, config.gguf_type)),
            n_ctx=config.max_length,
            n_threads=max(1, (os.cpu_count() or 1) // process_count()),
            n_gpu_layers=-1 if device.startswith("cuda") else 0,
            verbose=False,
            **(fp32_cache if config.gguf_type == "f32" else {}),
        )

    def generate(
        self,
        requests: Sequence[Request],
        streamer: Streamer | None = None,
        on_tokens: OnTokens = ignore,
    ) -> Iterator[tuple[Request, Completion]]:
        """Write a text for each request; tokens are counted one by one."""
        vocab_size = self.llama.n_vocab()
        keywords = [request.keywords for request in requests]
        sampler = Sampler(self.tokenizer, vocab_size, 1, self.config, torch.device("cpu"), keywords)
        prompt: list[int] = []
        prompt_logits = torch.zeros(1, vocab_size)
        for request in requests:
            # 1. Read the prompt, if it is not that of the text before.
            if request.ids != prompt:
                prompt, self.llama.n_tokens = request.ids, 0
                prompt_logits = self._read(prompt)
            # 2. Go back to its end: the text before is overwritten.
            self.llama.n_tokens, logits = len(prompt), prompt_logits
            sampler.add_request(0, request)
            # 3. Draw a token, and read it, until the text ends.
            while True:
                completed = sampler.sample(logits)
                token = int(sampler.tokens[0])
                on_tokens(1)
                if streamer:
                    streamer(token)
                if completed:
                    break
                logits = self._read([token])
            yield from completed

    def _read(self, ids: list[int]) -> torch.Tensor:
        """Read tokens after those that were read; returns the logits of the next one, (1, V)."""
        self.llama.eval(ids)
        last = self.llama._ctx.get_logits_ith(-1)
        logits = np.ctypeslib.as_array(last, shape=(1, self.llama.n_vocab()))
        return torch.from_numpy(logits.copy())


class VllmEngine:
    """vLLM, which fills its batches itself.

    Its sampling settings are the same; its random numbers are not.

    Args:
        folder: the model folder.
        tokenizer: the tokenizer of the model.
        config: all that decides the texts.
    """

    batch_size = 256  # the number of texts that it writes at the same time by default

    def __init__(self, folder: Path, tokenizer: Tokenizer, config: GenerateConfig):
        import vllm

        self.vllm, self.tokenizer, self.config = vllm, tokenizer, config
        self.model = vllm.LLM(
            str(folder),
            dtype="auto" if config.half_precision else "float32",
            max_model_len=config.max_length,
            max_logprobs=1,
            seed=config.seed,
        )
        tokens = len(tokenizer)
        self.allowed = sorted(set(range(tokens)) - set(never_written(tokenizer, tokens)))

    def generate(
        self,
        requests: Sequence[Request],
        streamer: Streamer | None = None,
        on_tokens: OnTokens = ignore,
    ) -> Iterator[tuple[Request, Completion]]:
        """Write a text for each request; vLLM hands out, and we count, only whole texts."""
        prompts = [{"prompt_token_ids": request.ids} for request in requests]
        settings = [self._settings(request) for request in requests]
        outputs = self.model.generate(prompts, settings, use_tqdm=False)
        for number, (request, output) in enumerate(zip(requests, outputs, strict=True)):
            (text,) = output.outputs
            ids = list(text.token_ids)
            on_tokens(len(ids))
            if streamer and number == 0:
                for token in ids:
                    streamer(token)
            nats = -sum(
                at_position[token].logprob
                for token, at_position in zip(ids, text.logprobs, strict=True)
            )
            finished = bool(ids) and ids[-1] == self.tokenizer.eos_token_id
            yield request, Completion(ids[:-1] if finished else ids, finished, nats)

    def _settings(self, request: Request) -> Any:
        """The `SamplingParams` of a request."""
        config, room = self.config, self.config.max_length - len(request.ids)
        draw = np.random.default_rng([config.seed, request.prompt, request.candidate])
        return self.vllm.SamplingParams(
            temperature=config.temperature if config.do_sample else 0,
            top_k=config.top_k or 0,
            top_p=config.top_p,
            min_p=config.min_p,
            repetition_penalty=config.repetition_penalty,
            seed=int(draw.integers(2**31)),
            max_tokens=room,
            min_tokens=min(room, max(0, config.min_length - len(request.ids))),
            stop_token_ids=[self.tokenizer.eos_token_id],
            allowed_token_ids=self.allowed,
            logprobs=0,  # those of the drawn tokens, before all filters
            detokenize=False,
        )
