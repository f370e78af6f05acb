"""Keywords of a posting: phrases that stand in it word for word, chosen by MMR.

1. `candidate_phrases` takes the 1- to n-word phrases of each clause;
2. `extract_keywords` embeds each distinct phrase of the whole table once, and each text;
3. KeyBERT's maximal marginal relevance (Carbonell and Goldstein 1998) picks those that are near the
   text and far from each other.
"""

import re
from collections.abc import Callable, Sequence

import numpy as np
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
from tqdm import tqdm

# C++, .NET, C#, CI/CD, Node.js, well-known and R&D are one word each.
_WORD = re.compile(r"\.?\w[\w+#]*(?:[./&'’-]\w[\w+#]*)*")
# One-letter words are noise, except the names of programming languages.
_LETTERS_KEPT = {"C", "R"}

# Texts -> their embeddings, (len(texts), d), float32.
Embed = Callable[[Sequence[str]], np.ndarray]


def candidate_phrases(text: str, ngram_max: int) -> list[str]:
    """Phrases of 1 to `ngram_max` words within one clause.

    A clause ends wherever two words are parted by more than one blank, at stop words and numbers.
    Every phrase is a piece of the text, letter for letter.

    Returns:
        Distinct phrases (case aside) in the order of the text.

    >>> candidate_phrases("Design of CI/CD pipelines, in C++.", 2)
    ['Design', 'CI/CD', 'CI/CD pipelines', 'pipelines', 'C++']
    """
    clauses: list[list[re.Match]] = [[]]
    for word in _WORD.finditer(text):
        if clauses[-1] and text[clauses[-1][-1].end() : word.start()] != " ":
            clauses.append([])
        if _carries_meaning(word[0]):
            clauses[-1].append(word)
        else:
            clauses.append([])
    phrases = {}
    for words in clauses:
        for first in range(len(words)):
            for last in range(first, min(first + ngram_max, len(words))):
                phrase = text[words[first].start() : words[last].end()]
                phrases.setdefault(phrase.lower(), phrase)
    return list(phrases.values())


def extract_keywords(
    texts: Sequence[str], embed: Embed, top_n: int, ngram_max: int, diversity: float
) -> list[list[str]]:
    """Keywords of each text, the nearest to the text first.

    Args:
        texts: clean postings.
        embed: embedding model.
        top_n: most keywords per text; a short text can have fewer.
        ngram_max: most words in a keyword.
        diversity: 0 to 1, MMR's weight of being different.

    Returns:
        One list per text: distinct phrases of that text, none inside another.
    """
    from keybert._mmr import mmr

    candidates = [candidate_phrases(text, ngram_max) for text in texts]
    row_of = {}
    for phrases in candidates:
        for phrase in phrases:
            row_of.setdefault(phrase.lower(), len(row_of))
    phrase_vectors = embed(list(row_of))
    text_vectors = embed(texts)
    keywords = []
    rows = zip(candidates, text_vectors, strict=True)
    for phrases, text_vector in tqdm(rows, desc="keywords", unit=" postings", total=len(texts)):
        if not phrases:
            keywords.append([])
            continue
        vectors = phrase_vectors[[row_of[phrase.lower()] for phrase in phrases]]
        chosen, n = [], top_n
        # MMR is greedy: asked for more, it keeps what it chose. Phrases inside others are dropped,
        # so more are asked for until enough are left.
        while len(chosen) < top_n and n <= len(phrases) + top_n:
            ranked = mmr(text_vector[None], vectors, phrases, top_n=n, diversity=diversity)
            chosen = _without_contained([phrase for phrase, _ in ranked])
            n += max(1, top_n - len(chosen))
        keywords.append(chosen[:top_n])
    return keywords


def sentence_embedder(folder: str) -> Embed:
    """An `Embed` of a sentence-transformers model folder; batches are sorted by length."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(folder)

    def embed(texts: Sequence[str]) -> np.ndarray:
        print(f"embedding {len(texts)} texts", flush=True)
        return model.encode(list(texts), batch_size=64, show_progress_bar=True)

    return embed


def _carries_meaning(word: str) -> bool:
    if len(word) == 1:
        return word in _LETTERS_KEPT
    return any(letter.isalpha() for letter in word) and word.lower() not in ENGLISH_STOP_WORDS


def _without_contained(phrases: list[str]) -> list[str]:
    """Drop phrases whose words stand inside another phrase.

    >>> _without_contained(["machine learning", "learning", "Java", "JavaScript"])
    ['machine learning', 'Java', 'JavaScript']
    """
    padded = [f" {phrase.lower()} " for phrase in phrases]
    return [
        phrase
        for phrase, inner in zip(phrases, padded, strict=True)
        if not any(inner in outer and inner != outer for outer in padded)
    ]
