"""Places where words stay glued in the postings of tables, before and after the cleaning.

python benchmarks/tables.py jobs.csv other.json --text-column description --show 20

A place is glued where a capital letter follows a small one inside a word, both halves are words of
the table or of its languages, and the whole is neither in a general word list nor more than twice
in the table; or where a sentence begins right after the end of another. Names such as DataRobot
count as well, so the figure is too high rather than too low; --show prints places to read, and the
splits that were made, for only a reader can say which of them are wrong.
"""

import argparse
import json
import random
import re
import time
from collections import Counter
from pathlib import Path

from jobgen.data.cleaning import clean_text
from jobgen.data.languages import count_languages, languages_of_table
from jobgen.data.reading import Source, read_chunks
from jobgen.data.reading.columns import select_columns
from jobgen.data.vocabulary import SEGMENT, Vocabulary, build_vocabulary, camel_words

RESULTS = Path(__file__).parent / "results" / "tables.json"
WANTED = 3.0  # glued places per 100 postings
SAMPLE = 4000  # postings of a table
_SENTENCE = re.compile(r"[a-z]{3}[.!?;][A-Z][a-z]+ ")
_AROUND = 25  # characters that are shown on both sides


def main() -> None:
    """Clean each table, and count the glued places in it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="+")
    parser.add_argument("--text-column", action="append", help="one of several is taken")
    parser.add_argument("--show", type=int, default=0, help="places and splits to print")
    arguments = parser.parse_args()
    results = {}
    for path in arguments.tables:
        texts = read_texts(path, arguments.text_column or ["text", "description"])
        results[Path(path).name] = measure(path, texts, arguments.show)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    for name, figures in results.items():
        holds = figures["glued_after"] <= WANTED
        print(
            f"bar glued places per 100 postings of {name}: {figures['glued_after']:.1f} (wanted"
            f" {WANTED}) {'holds' if holds else 'falls short'}"
        )


def read_texts(path: str, columns: list[str]) -> list[str]:
    """The texts of a table, from the first of the columns that it has."""
    texts: list[str] = []
    for chunk in read_chunks(Source(path), drop_bad=True):
        names = {str(name).lower() for name in chunk.frame}
        column = next(name for name in columns if name.lower() in names)
        cells = select_columns(chunk.frame, {"text": column})["text"]
        texts += [cell for cell in cells if isinstance(cell, str) and cell.strip()]
    return random.Random(1).sample(texts, min(SAMPLE, len(texts)))


def measure(path: str, texts: list[str], show: int) -> dict[str, float]:
    """Glued places per 100 postings before and after, and postings cleaned in a second."""
    languages = languages_of_table(count_languages(texts))
    start = time.perf_counter()
    vocabulary = build_vocabulary(texts, languages)
    clean = [clean_text(text, vocabulary=vocabulary) for text in texts]
    seconds = time.perf_counter() - start
    before, after = (glued_places(part, vocabulary) for part in (texts, [t for t, _ in clean]))
    splits = sum(changes["glued sentences"] for _, changes in clean)
    figures = {
        "postings": len(texts),
        "glued_before": 100 * len(before) / len(texts),
        "glued_after": 100 * len(after) / len(texts),
        "splits": 100 * splits / len(texts),
        "postings_per_second": len(texts) / seconds,
    }
    print(f"{path}: {figures}")
    for place in random.Random(2).sample(after, min(show, len(after))):
        print(f"    left {place!r}")
    return figures


def glued_places(texts: list[str], vocabulary: Vocabulary) -> list[str]:
    """The places of all texts, each with what is around it."""
    counts = Counter(text[start:end] for text in texts for start, end in camel_words(text))
    places = []
    for text in texts:
        for start, end in camel_words(text):
            token = text[start:end]
            parts = [part for part in SEGMENT.findall(token) if len(part) > 1]
            are_words = len(parts) > 1 and all(map(vocabulary.is_word, parts))
            if are_words and counts[token] < 3 and not vocabulary.is_name(token):
                places.append(text[max(0, start - _AROUND) : end + _AROUND])
        places += [
            text[max(0, match.start() - _AROUND) : match.end() + _AROUND]
            for match in _SENTENCE.finditer(text)
        ]
    return places


if __name__ == "__main__":
    main()
