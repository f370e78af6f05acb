"""Titles and keywords -> the best of several texts each, cleaned and checked for memorization."""

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Sequence

import pandas as pd

from jobgen.common.config import GenerateConfig
from jobgen.generation.engines import Engine, open_engine
from jobgen.generation.posting import POSTING_COLUMNS, Posting, clean
from jobgen.generation.requests import (
    Completion,
    NumberedPrompt,
    OnTokens,
    Request,
    Streamer,
    cap_max_length,
    encode_prompt,
    ignore,
    number_prompts,
)
from jobgen.models.protocols import LanguageModel, Tokenizer
from jobgen.text.coverage import missing_keywords
from jobgen.text.memorized import MemorizationIndex
from jobgen.text.ngrams import repetition
from jobgen.text.wording import gender_coded

# A group of prompts has so many times the texts of a batch: larger groups keep the batch full for
# longer, smaller ones lose less if the run is interrupted.
_BATCHES_IN_GROUP = 4


class Generator:
    """Writes postings.

    Args:
        engine: runs the fine-tuned model.
        tokenizer: the tokenizer of the model, with the special tokens.
        config: lengths, sampling, guidance, ranking.
        index: finds what was memorized from the training texts; None: nothing is found.

    Attributes:
        candidates: the number of texts that are written for each prompt.
        memorized: the number of texts that were left out because of a memorized span.
    """

    def __init__(
        self,
        engine: Engine,
        tokenizer: Tokenizer,
        config: GenerateConfig,
        index: MemorizationIndex | None,
    ):
        self.engine, self.tokenizer, self.config, self.index = engine, tokenizer, config, index
        self.candidates = config.num_candidates or config.num_return_sequences
        self.memorized = 0

    def posting_ids(self, prompt: int, title: str, keywords: list[str]) -> list[str]:
        """The ids of the postings of a prompt, made of all that decides their texts.

        Args:
            prompt: the number of the prompt, from 0.
            title: its job title.
            keywords: its keywords.
        """
        decides = [self.config.result_settings(), prompt, title, keywords]
        digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]
        return [f"{digest}-{n}" for n in range(1, self.config.num_return_sequences + 1)]

    def groups(
        self, prompts: Sequence[NumberedPrompt], processes: int = 1
    ) -> list[list[NumberedPrompt]]:
        """Divide prompts into groups; each is written at once, by one process."""
        share = math.ceil(len(prompts) / processes)
        texts = _BATCHES_IN_GROUP * self.engine.batch_size
        size = max(1, min(texts // self.candidates, share))
        return [list(prompts[start : start + size]) for start in range(0, len(prompts), size)]

    def generate(
        self,
        groups: Sequence[Sequence[NumberedPrompt]],
        streamer: Streamer | None = None,
        on_tokens: OnTokens = ignore,
        on_texts: Callable[[int], None] = ignore,
    ) -> Iterator[list[Posting]]:
        """Write `num_return_sequences` postings for each prompt.

        Args:
            groups: prompts, group by group; the texts of a group are written together.
            streamer: is given each token of the first text; None: nobody streams.
            on_tokens: is told the number of new tokens, again and again.
            on_texts: is told the number of texts that have ended, each time.

        Yields:
            The postings of a group, in the order of its prompts; fewer where texts were memorized.
        """
        for group in groups:
            # 1. Ask for all candidates of all prompts at once.
            requests: list[Request] = []
            for prompt, title, keywords in group:
                ids = encode_prompt(self.tokenizer, title, keywords, self.config)
                requests += [Request(prompt, n, ids, keywords) for n in range(self.candidates)]
            # 2. Collect them by their prompts; they end in any order.
            candidates: dict[int, list[tuple[int, Completion]]] = {}
            for request, completion in self.engine.generate(requests, streamer, on_tokens):
                of_prompt = candidates.setdefault(request.prompt, [])
                of_prompt.append((request.candidate, completion))
                on_texts(1)
            # 3. Keep the best of each prompt.
            yield [
                posting
                for prompt, title, keywords in group
                for posting in self._best(prompt, title, keywords, sorted(candidates[prompt]))
            ]

    def generate_frame(self, titles: Sequence[str], keywords: Sequence[list[str]]) -> pd.DataFrame:
        """Write postings for titles and their keywords: a row for each, with `POSTING_COLUMNS`."""
        pairs = list(zip(titles, keywords, strict=True))
        groups = self.groups(number_prompts(pairs, self.tokenizer, self.config))
        rows = [vars(posting) for group in self.generate(groups) for posting in group]
        return pd.DataFrame(rows, columns=POSTING_COLUMNS)

    def _best(
        self, prompt: int, title: str, keywords: list[str], texts: list[tuple[int, Completion]]
    ) -> list[Posting]:
        ids = self.posting_ids(prompt, title, keywords)
        postings = [self._posting(title, keywords, completion) for _, completion in texts]
        kept = [posting for posting in postings if not self._is_memorized(posting)]
        self.memorized += len(postings) - len(kept)
        best = sorted(kept, key=ranking_key)
        return [
            Posting(**{**vars(posting), "id": name})
            for posting, name in zip(best, ids, strict=False)
        ]

    def _is_memorized(self, posting: Posting) -> bool:
        most = self.config.max_memorized_words
        return most is not None and (posting.memorized_words or 0) > most

    def _posting(self, title: str, keywords: list[str], completion: Completion) -> Posting:
        text = clean(self.tokenizer.decode(completion.ids, skip_special_tokens=True))
        missing = missing_keywords(text, keywords)
        memorized = self.index.check(text) if self.index else None
        masculine, feminine = gender_coded(text)
        return Posting(
            id="",
            title=title,
            keywords=keywords,
            text=text,
            seed=self.config.seed,
            model=self.config.model_preload or self.config.model,
            finished=completion.finished,
            covered=len(keywords) - len(missing),
            missing=missing,
            nats_per_token=completion.nats / (len(completion.ids) + completion.finished),
            repetition=repetition(text),
            memorized_words=memorized.longest if memorized else None,
            memorized_share=memorized.share if memorized else None,
            nearest_training_row=memorized.nearest if memorized else None,
            masculine=masculine,
            feminine=feminine,
        )


def open_generator(
    nlp: LanguageModel,
    config: GenerateConfig,
    engine: Engine | None = None,
    index: MemorizationIndex | None = None,
) -> Generator:
    """Open what writes postings with a model; scripts, notebooks and benchmarks all do it here.

    Args:
        nlp: the fine-tuned model.
        config: all that decides the texts; its max_length is capped to the model's positions.
        engine: runs the model; None: the engine that the configuration names.
        index: finds what was memorized; None: the index in the model folder, if there is one.

    Raises:
        InputError: the engine cannot be used, or max_length is beyond the model's positions.
    """
    config = cap_max_length(config, nlp.limit)
    engine = engine or open_engine(nlp, config)
    index = index or MemorizationIndex.load(nlp.folder)
    return Generator(engine, nlp.tokenizer, config, index)


def ranking_key(posting: Posting) -> tuple[float, ...]:
    """The order of candidates, the best first.

    Keywords come first, then likelihood; it is rounded to a tenth, so that the rest counts.
    """
    return (
        len(posting.missing),
        round(posting.nats_per_token, 1),
        not posting.finished,
        posting.repetition,
        posting.memorized_share or 0.0,
    )
