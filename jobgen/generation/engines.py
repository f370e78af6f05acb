"""What writes the texts: transformers, llama.cpp, or vLLM.

An engine has `rows`, how many texts it writes at the same time, and `write`, which yields each task
with its text, in the order in which they end. All but vLLM draw with `jobgen.sampling`, and so can
be guided.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np
import torch

from jobgen.common.config import GenerateConfig
from jobgen.common.distributed import process_count
from jobgen.common.errors import InputError
from jobgen.generation import batching as decoding
from jobgen.generation.requests import Completion, Request
from jobgen.generation.sampling import Sampler
from jobgen.models.sequence import never_written

# Of each engine that is optional: its module, and how it is installed.
_OPTIONAL = {
    "llama.cpp": ("llama_cpp", "pip install -r requirements-llama-cpp.txt"),
    "vllm": ("vllm", "requirements-vllm.txt, in an environment of its own"),
}


class Engine(Protocol):
    """Writes texts."""

    batch_size: int

    def generate(
        self, requests: Sequence[Request], streamer: Callable[[int], Any] = ...
    ) -> Iterator[tuple[Request, Completion]]:
        """Write a text for each task.

        Args:
            requests: what to write.
            streamer: is given each token of the first text.
        """


def check_engine(config: GenerateConfig) -> None:
    """Refuse what an engine cannot do, before anything is loaded.

    Raises:
        InputError: it is not installed, or lacks something that the configuration asks for.
    """
    if config.engine == "transformers":
        return
    module, how = _OPTIONAL[config.engine]
    if find_spec(module) is None:
        raise InputError("engine", f'"{config.engine}" is not installed ({how}); see the README')
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


def open_engine(nlp: Any, config: GenerateConfig) -> Engine:
    """Load what the configuration asks for.

    Args:
        nlp: the `NLP_model`; its weights are loaded only for transformers.
        config: of the generation.

    Raises:
        InputError: the engine is not installed, lacks something, or cannot run the model.
    """
    check_engine(config)
    device = decoding.pick_device(config.device)
    if config.engine == "llama.cpp":
        return LlamaCppEngine(nlp.folder, nlp.tokenizer, config, device)
    if config.engine == "vllm":
        return VllmEngine(nlp.folder, nlp.tokenizer, config)
    decoding.place_model(nlp.model, device, config.half_precision)
    return TransformersEngine(nlp.model, nlp.tokenizer, config)


class TransformersEngine:
    """PyTorch, with a batch of texts.

    Args:
        model: fine-tuned causal LM, where it is to run.
        tokenizer: its tokenizer, with the special tokens.
        config: of the generation.
    """

    def __init__(self, model: Any, tokenizer: Any, config: GenerateConfig):
        self.model, self.tokenizer, self.config = model, tokenizer, config
        self.batch_size = config.batch_size or decoding.batch_size_that_fits(
            model, config.max_length
        )

    def generate(
        self, requests: Sequence[Request], streamer: Callable[[int], Any] = lambda token: None
    ) -> Iterator[tuple[Request, Completion]]:
        """Write a text for each task."""
        return decoding.generate_completions(
            self.model, self.tokenizer, requests, self.config, self.batch_size, streamer
        )


class LlamaCppEngine:
    """llama.cpp, one text after the other, from the weights in a GGUF file.

    Args:
        folder: of the model; the file is written there if it is not there yet.
        tokenizer: of the model.
        config: of the generation.
        device: a GPU takes all layers.
    """

    batch_size = 1

    def __init__(self, folder: Any, tokenizer: Any, config: GenerateConfig, device: str):
        import llama_cpp

        from jobgen.models.gguf import gguf_of

        self.tokenizer, self.config = tokenizer, config
        # Keys and values are in 16 bits otherwise.
        in_full = {"type_k": llama_cpp.GGML_TYPE_F32, "type_v": llama_cpp.GGML_TYPE_F32}
        self.llama = llama_cpp.Llama(
            str(gguf_of(folder, config.gguf_type)),
            n_ctx=config.max_length,
            n_threads=max(1, (os.cpu_count() or 1) // process_count()),
            n_gpu_layers=-1 if device.startswith("cuda") else 0,
            verbose=False,
            **(in_full if config.gguf_type == "f32" else {}),
        )

    def generate(
        self, requests: Sequence[Request], streamer: Callable[[int], Any] = lambda token: None
    ) -> Iterator[tuple[Request, Completion]]:
        """Write a text for each task."""
        vocabulary = self.llama.n_vocab()
        keywords = [request.keywords for request in requests]
        sampler = Sampler(self.tokenizer, vocabulary, 1, self.config, torch.device("cpu"), keywords)
        prompt: list[int] = []
        for request in requests:
            if request.ids != prompt:
                prompt, self.llama.n_tokens = request.ids, 0
                of_prompt = self._read(prompt)
            # What was read behind the prompt is forgotten with the next token.
            self.llama.n_tokens, logits = len(prompt), of_prompt
            sampler.add_request(0, request)
            while not (ended := sampler.sample(logits)):
                streamer(int(sampler.tokens[0]))
                logits = self._read([int(sampler.tokens[0])])
            streamer(int(sampler.tokens[0]))
            yield from ended

    def _read(self, ids: list[int]) -> torch.Tensor:
        """Read tokens behind those that were read; the logits after the last one, (1, V)."""
        self.llama.eval(ids)
        row = self.llama._ctx.get_logits_ith(-1)
        logits = np.ctypeslib.as_array(row, shape=(1, self.llama.n_vocab()))
        return torch.from_numpy(logits.copy())


class VllmEngine:
    """vLLM, which makes the batches itself.

    Its filters are of the same names; its random numbers are others.

    Args:
        folder: of the model.
        tokenizer: of the model.
        config: of the generation.
    """

    batch_size = 256  # as many as it writes at the same time by default

    def __init__(self, folder: Any, tokenizer: Any, config: GenerateConfig):
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
        self, requests: Sequence[Request], streamer: Callable[[int], Any] = lambda token: None
    ) -> Iterator[tuple[Request, Completion]]:
        """Write a text for each task."""
        prompts = [{"prompt_token_ids": request.ids} for request in requests]
        settings = [self._settings(request) for request in requests]
        outputs = self.model.generate(prompts, settings, use_tqdm=False)
        for number, (request, output) in enumerate(zip(requests, outputs, strict=True)):
            (text,) = output.outputs
            ids = list(text.token_ids)
            if number == 0:
                for token in ids:
                    streamer(token)
            nats = -sum(
                of_place[token].logprob for token, of_place in zip(ids, text.logprobs, strict=True)
            )
            finished = bool(ids) and ids[-1] == self.tokenizer.eos_token_id
            yield request, Completion(ids[:-1] if finished else ids, finished, nats)

    def _settings(self, request: Request) -> Any:
        config, room = self.config, self.config.max_length - len(request.ids)
        own = np.random.default_rng([config.seed, request.prompt, request.candidate])
        return self.vllm.SamplingParams(
            temperature=config.temperature if config.do_sample else 0,
            top_k=config.top_k or 0,
            top_p=config.top_p,
            min_p=config.min_p,
            repetition_penalty=config.repetition_penalty,
            seed=int(own.integers(2**31)),
            max_tokens=room,
            min_tokens=min(room, max(0, config.min_length - len(request.ids))),
            stop_token_ids=[self.tokenizer.eos_token_id],
            allowed_token_ids=self.allowed,
            logprobs=0,  # of the tokens that were drawn, before all filters
            detokenize=False,
        )
