"""Titles and keywords -> the best of several texts each, cleaned and searched for copies."""

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from jobgen.common.config import GenerateConfig
from jobgen.generation.engines import Engine, open_engine
from jobgen.generation.posting import Posting
from jobgen.generation.requests import (
    Completion,
    NumberedPrompt,
    Request,
    cap_max_length,
    encode_prompt,
)
from jobgen.text.characters import remove_control_characters
from jobgen.text.coverage import missing_keywords
from jobgen.text.memorized import MemorizationIndex
from jobgen.text.ngrams import repetition
from jobgen.text.redaction import redact_contacts
from jobgen.text.wording import gender_coded

# Prompts are written in groups of so many times the texts of a batch: larger ones keep the batch
# full for longer, smaller ones lose less in an interruption.
_GROUP = 4


class Generator:
    """Writes postings.

    Args:
        engine: with the fine-tuned model.
        tokenizer: of the model, with the special tokens.
        config: lengths, sampling, guidance, ranking.
        index: of the texts that it learnt from; None: copies cannot be found.

    Attributes:
        copies: texts that were left out since they were copied.
    """

    def __init__(
        self,
        engine: Engine,
        tokenizer: Any,
        config: GenerateConfig,
        index: MemorizationIndex | None,
    ):
        self.engine, self.tokenizer, self.config, self.index = engine, tokenizer, config, index
        self.candidates = config.num_candidates or config.num_return_sequences
        self.copies = 0

    def posting_ids(self, prompt: int, title: str, keywords: list[str]) -> list[str]:
        """The ids of the texts of a prompt.

        Args:
            prompt: its number, from 0, which decides what is drawn.
            title: of the prompt.
            keywords: of the prompt.
        """
        settings = self.config.result_settings()
        decides = json.dumps([settings, prompt, title, keywords], sort_keys=True)
        digest = hashlib.sha256(decides.encode()).hexdigest()[:16]
        return [f"{digest}-{n}" for n in range(1, self.config.num_return_sequences + 1)]

    def groups(
        self, prompts: Sequence[NumberedPrompt], processes: int = 1
    ) -> list[list[NumberedPrompt]]:
        """Divide prompts into groups that are written at the same time, one a process."""
        share = math.ceil(len(prompts) / processes)
        size = max(1, min(_GROUP * self.engine.batch_size // self.candidates, share))
        return [list(prompts[start : start + size]) for start in range(0, len(prompts), size)]

    def generate(
        self,
        groups: Sequence[Sequence[NumberedPrompt]],
        streamer: Callable[[int], Any] = lambda token: None,
        progress: Callable[[int], Any] = lambda texts: None,
    ) -> Iterator[list[Posting]]:
        """Write `num_return_sequences` postings for each prompt.

        Args:
            groups: of prompts, which are written together.
            streamer: is given each token of the first text.
            progress: is told how many texts have ended, each time.

        Yields:
            The postings of a group, in the order of its prompts; fewer where texts were copies.
        """
        for group in groups:
            requests, texts = [], {}
            for prompt, title, keywords in group:
                ids = encode_prompt(self.tokenizer, title, keywords, self.config)
                requests += [Request(prompt, n, ids, keywords) for n in range(self.candidates)]
                texts[prompt] = []
            for request, text in self.engine.generate(requests, streamer):
                texts[request.prompt].append((request.candidate, text))
                progress(1)
            yield [
                posting
                for prompt, title, keywords in group
                for posting in self._best(prompt, title, keywords, sorted(texts[prompt]))
            ]

    def _best(
        self, prompt: int, title: str, keywords: list[str], texts: list[tuple[int, Completion]]
    ) -> list[Posting]:
        ids = self.posting_ids(prompt, title, keywords)
        found = [self._posting(title, keywords, written) for _, written in texts]
        kept = [posting for posting in found if not self._is_copy(posting)]
        self.copies += len(found) - len(kept)
        best = sorted(kept, key=ranking_key)
        return [
            Posting(**{**vars(posting), "id": name})
            for posting, name in zip(best, ids, strict=False)
        ]

    def _is_copy(self, posting: Posting) -> bool:
        most = self.config.max_memorized_words
        return most is not None and (posting.memorized_words or 0) > most

    def _posting(self, title: str, keywords: list[str], written: Completion) -> Posting:
        text = self.tokenizer.decode(written.ids, skip_special_tokens=True)
        text, _ = redact_contacts(remove_control_characters(text).strip())
        missing = missing_keywords(text, keywords)
        copied = self.index.check(text) if self.index else None
        masculine, feminine = gender_coded(text)
        return Posting(
            id="",
            title=title,
            keywords=keywords,
            text=text,
            seed=self.config.seed,
            model=self.config.model_preload or self.config.model,
            finished=written.finished,
            covered=len(keywords) - len(missing),
            missing=missing,
            nats_per_token=written.nats / (len(written.ids) + written.finished),
            repetition=repetition(text),
            memorized_words=copied.longest if copied else None,
            memorized_share=copied.share if copied else None,
            nearest_training_row=copied.nearest if copied else None,
            masculine=masculine,
            feminine=feminine,
        )


def open_generator(
    nlp: Any,
    config: GenerateConfig,
    engine: Engine | None = None,
    index: MemorizationIndex | None = None,
) -> Generator:
    """Open what writes postings with a model; scripts, notebooks and benchmarks all do it here.

    Args:
        nlp: the `NLP_model`.
        config: of the generation; its max_length is capped to the model's positions.
        engine: None: the one that the configuration names.
        index: of the training texts; None: the one in the model folder, if there is one.

    Raises:
        InputError: the engine cannot be used, or max_length is beyond the model's positions.
    """
    config = cap_max_length(config, nlp.limit)
    engine = engine or open_engine(nlp, config)
    index = index or MemorizationIndex.load(nlp.folder)
    return Generator(engine, nlp.tokenizer, config, index)


def ranking_key(posting: Posting) -> tuple[float, ...]:
    """What the best candidate has least of; the likelihood to a tenth, so that the rest counts."""
    return (
        len(posting.missing),
        round(posting.nats_per_token, 1),
        not posting.finished,
        posting.repetition,
        posting.memorized_share or 0.0,
    )
