"""Keywords against what people marked in postings, and as a description of a posting.

python benchmarks/keywords.py                       # SkillSpan's development part; about 3 minutes
python benchmarks/keywords.py --part test.json      # another file in SkillSpan's form
python benchmarks/keywords.py --retrieval           # MRR on postings.csv as well

SkillSpan (Zhang et al. 2022) has spans of skills and knowledge that people marked. Of 16 keywords
a posting: recall is the share of the distinct marked spans of at most three words that are
keywords; exact, the share of the keywords that are such a span; inside, of those that are a span
of any length or a part of one. Letter case is ignored. KeyBERT with the same embedding model is
measured on the same postings.

The shipped coefficients were fitted to both labelled parts, so figures of a part they were fitted
to flatter them: `--coefficients` names a file that `fit_keywords.py --parts train` wrote.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from measuring import ROOT, add_bar, open_results, print_results, save

from jobgen.common.config import OFFLINE_EMBEDDER
from jobgen.data.cleaning import clean_text
from jobgen.data.embeddings import Embedder
from jobgen.data.keywords import model
from jobgen.data.keywords.extraction import Background, extract_keywords, train_keyword_classifier
from jobgen.data.keywords.keybert_extraction import extract_with_keybert
from jobgen.data.keywords.phrases import build_corpus
from jobgen.models.hub import locate

SKILLSPAN = ROOT.parent / "shared/data/skillspan"
POSTINGS = ROOT.parent / "shared/data/postings.csv"
RESULTS = ROOT / "benchmarks/results/keywords.json"
PARTS = ("train", "dev")
LIBRARIES = ("keybert", "sentence-transformers", "torch", "HanTa", "scikit-learn", "wordfreq")
NUM_KEYWORDS, NUM_KEYWORDS_RETRIEVAL, NGRAM_RANGE, DIVERSITY = 16, 8, (1, 3), 0.4
BARS = {"recall": 0.22, "exact": 0.35, "inside": 0.60}
RETRIEVAL_BAR = 0.80


@dataclass
class Labelled:
    """A posting in which people marked skills and knowledge.

    Attributes:
        text: its sentences, one a line, words separated by blanks.
        marked: the distinct marked spans, in lower case.
    """

    text: str
    marked: frozenset[str]

    @cached_property
    def short(self) -> frozenset[str]:
        """The marked spans of at most three words."""
        return frozenset(span for span in self.marked if span.count(" ") <= 2)

    @cached_property
    def _padded(self) -> list[str]:
        return [f" {span} " for span in self.marked]

    def is_inside(self, keyword: str) -> bool:
        """Whether a keyword is a marked span or some words of one."""
        return any(f" {keyword.lower()} " in span for span in self._padded)


def main() -> None:
    """Measure jobgen and KeyBERT; print the figures and the bars."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", type=Path, default=SKILLSPAN / "dev.json", metavar="FILE")
    parser.add_argument("--coefficients", type=Path, metavar="FILE", help="instead of the shipped")
    parser.add_argument("--retrieval", action="store_true", help="MRR on postings.csv as well")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="postings to print")
    arguments = parser.parse_args()
    if arguments.coefficients:
        model.COEFFICIENTS = arguments.coefficients
    embed = Embedder(locate(OFFLINE_EMBEDDER), "float32", max_tokens=256, cache=None)
    postings = read_skillspan(arguments.part)
    texts = [posting.text for posting in postings]
    fitted_to = "other parts" if arguments.coefficients else "all labelled parts"
    about = {"part": arguments.part.name, "postings": len(postings), "fitted_to": fitted_to}
    results = open_results(RESULTS, False, LIBRARIES, **about)
    for method, keywords in (
        ("jobgen", jobgen_keywords(texts, embed, NUM_KEYWORDS)),
        ("KeyBERT", keybert_keywords(texts, embed)),
    ):
        results["rows"].append({"method": method, **measure(postings, keywords)})
        for words in keywords[: arguments.show]:
            print("  ", "; ".join(words))
    bars = {name: (results["rows"][0][name], wanted) for name, wanted in BARS.items()}
    if arguments.retrieval:
        bars["MRR"] = round(retrieval(embed, arguments.show), 4), RETRIEVAL_BAR
    for name, (figure, wanted) in bars.items():
        add_bar(results, name, figure, f">= {wanted}", figure >= wanted)
    save(RESULTS, results)
    print_results(results, {name: name for name in ("method", *BARS, "keywords")})


def read_skillspan(path: Path) -> list[Labelled]:
    """Read the postings of a file of sentences with tags B, I and O."""
    sentences = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        sentence = json.loads(line)
        sentences[sentence["idx"]].append(sentence)
    return [
        Labelled(
            text="\n".join(" ".join(sentence["tokens"]) for sentence in of_posting),
            marked=frozenset(span for sentence in of_posting for span in _marked(sentence)),
        )
        for of_posting in sentences.values()
    ]


def _marked(sentence: dict) -> Iterator[str]:
    tokens = sentence["tokens"]
    for tags in (sentence["tags_skill"], sentence["tags_knowledge"]):
        starts = [i for i, tag in enumerate(tags) if tag == "B"]
        for start in starts:
            end = start + 1
            while end < len(tags) and tags[end] == "I":
                end += 1
            yield " ".join(" ".join(tokens[start:end]).lower().split())


def measure(postings: list[Labelled], keywords: list[list[str]]) -> dict[str, float]:
    """Recall, exact and inside of the keywords of labelled postings."""
    found = exact = inside = 0
    for posting, words in zip(postings, keywords, strict=True):
        lower = [word.lower() for word in words]
        found += len(set(lower) & posting.short)
        exact += sum(word in posting.short for word in lower)
        inside += sum(posting.is_inside(word) for word in lower)
    n_keywords = sum(map(len, keywords))
    figures = {
        "recall": found / sum(len(posting.short) for posting in postings),
        "exact": exact / n_keywords,
        "inside": inside / n_keywords,
        "keywords": n_keywords / len(postings),
    }
    return {name: round(figure, 4) for name, figure in figures.items()}


def jobgen_keywords(texts: list[str], embed: Embedder, top_n: int) -> list[list[str]]:
    """The keywords of postings that are a table of their own."""
    corpus = build_corpus(texts, NGRAM_RANGE[1])
    background = Background(corpus, embed(texts), train_keyword_classifier(embed))
    return extract_keywords(texts, embed, background, top_n, NGRAM_RANGE, DIVERSITY)[0]


def keybert_keywords(texts: list[str], embed: Embedder) -> list[list[str]]:
    """KeyBERT's, with MMR, as the original calls it."""
    return extract_with_keybert(
        texts, embed.compute, NUM_KEYWORDS, NGRAM_RANGE, DIVERSITY, ["en"] * len(texts)
    )[0]


def retrieval(embed: Embedder, n_shown: int) -> float:
    """Mean reciprocal rank of a posting among all, by the embedding of its joined keywords."""
    raw = pd.read_csv(POSTINGS).dropna(subset=["title", "text"])
    texts = [text for text in (clean_text(text)[0] for text in raw["text"]) if text]
    keywords = jobgen_keywords(texts, embed, NUM_KEYWORDS_RETRIEVAL)
    for words in keywords[:n_shown]:
        print("  ", "; ".join(words))
    similarity = embed([" ".join(words) for words in keywords]) @ embed(texts).T
    ranks = 1 + (similarity > np.diagonal(similarity)[:, None]).sum(axis=1)
    return float((1 / ranks).mean())


if __name__ == "__main__":
    main()
