"""Metrics of sets of postings: what moves them, their intervals, messages about bad input."""

import json
import math
import resource
import time

import numpy as np
import pandas as pd
import pytest
from conftest import ORIGINAL, REAL_POSTINGS, ROOT, needs_original, needs_real_postings, run_script
from sklearn.decomposition import PCA

from jobgen.common.config import EvaluateConfig
from jobgen.data.tables import read_postings
from jobgen.evaluation.bootstrap import bootstrap_interval
from jobgen.evaluation.comparison import evaluate
from jobgen.evaluation.diversity import distinct_parts, self_bleu
from jobgen.evaluation.frechet import COMPONENTS, frechet_distance
from jobgen.evaluation.headings import section_headings
from jobgen.evaluation.metrics import METRICS, REAL
from jobgen.evaluation.set_metrics import Resources
from jobgen.evaluation.side_by_side import cut_into_pieces, texts_side_by_side
from jobgen.text.coverage import covered_by_stems, keyword_spans
from jobgen.text.memorized import MemorizationIndex
from jobgen.text.ngrams import count_words


def mean_of(sample):
    return lambda rows: sample[rows].mean(axis=-1)


def test_an_interval_holds_the_truth_as_often_as_it_says():
    draw, held = np.random.default_rng(0), 0
    for seed in range(300):
        sample = draw.exponential(size=60)
        found = bootstrap_interval(mean_of(sample), [60], 400, seed)
        assert found["value"] == sample.mean()
        held += found["low"] <= 1 <= found["high"]
    assert 0.9 < held / 300 < 0.98


def test_an_interval_of_a_difference_resamples_both_sets():
    draw, held = np.random.default_rng(0), 0
    for seed in range(200):
        one, other = mean_of(draw.normal(1, 1, 50)), mean_of(draw.normal(0, 2, 80))
        found = bootstrap_interval(lambda a, b: one(a) - other(b), [50, 80], 400, seed)  # noqa: B023
        held += found["low"] <= 1 <= found["high"]
    assert 0.9 < held / 200 < 0.985


def test_an_interval_of_many_postings_is_drawn_in_blocks():
    draw = np.random.default_rng(0)
    sample, blocks = draw.normal(size=9000), []

    def statistic(rows):
        blocks.append(rows.shape)
        return sample[rows].mean(axis=-1)

    found = bootstrap_interval(statistic, [9000], 1000, seed=1)
    assert max(math.prod(shape) for shape in blocks) <= 2**22
    assert found["high"] - found["low"] == pytest.approx(2 * 1.96 / math.sqrt(9000), rel=0.1)
    assert bootstrap_interval(statistic, [9000], 1000, seed=1) == found


def test_distinct_ngrams_of_a_part_of_the_texts():
    texts = ["a b a b c", "a b d e", "e f g a b"]
    found, ngrams = distinct_parts(texts, 2, words=14)
    # ab ba ab bc, ab bd de, ef fg ga ab: eight distinct ones of eleven.
    assert found.sum() / ngrams.sum() == pytest.approx(8 / 11)
    # Of two of the three: 4 + 3, 4 + 4 or 3 + 4 2-grams, of which 5, 6 or 6 are distinct.
    found, ngrams = distinct_parts(texts, 2, words=14 * 2 / 3)
    assert ngrams.sum() == pytest.approx((4 + 3 + 4) * 2 / 3)
    assert found.sum() == pytest.approx((5 + 6 + 6) / 3)


def test_self_bleu():
    texts = [
        "we hire nurses for the night shift",
        "you write software in a small team",
        "a b c d e",
    ]
    assert self_bleu([texts[0], texts[0], texts[0]], [0, 2], 2, seed=0) == [
        pytest.approx(100),
        pytest.approx(100),
    ]
    assert max(self_bleu(texts, [0, 1], 2, seed=0)) < 10


def test_distance():
    draw = np.random.default_rng(0)
    reference = draw.normal(size=(4000, COMPONENTS)) * 2
    assert frechet_distance(reference, reference) == pytest.approx(0, abs=1e-9)
    # Of two normal distributions with equal covariance: the squared distance of the means.
    assert frechet_distance(reference + 1, reference) == pytest.approx(COMPONENTS)
    # Of equal means and standard deviations 2 and 1: (2 - 1)^2 for each direction.
    narrow = reference.mean(axis=0) + (reference - reference.mean(axis=0)) / 2
    assert frechet_distance(narrow, reference) == pytest.approx(COMPONENTS, rel=0.05)
    # Of several pairs of sets at once.
    pairs = np.stack([narrow, reference + 1]), np.stack([reference, narrow])
    expected = [frechet_distance(*pair) for pair in zip(*pairs, strict=True)]
    assert frechet_distance(*pairs) == pytest.approx(expected)


def test_distance_of_the_same_origin_is_zero_within_its_interval():
    draw, held = np.random.default_rng(1), 0
    for seed in range(60):
        mine, reference = draw.normal(size=(40, 20)), draw.normal(size=(120, 20))
        components = PCA(COMPONENTS, svd_solver="full").fit(np.concatenate([mine, reference]))
        points, near = components.transform(mine), components.transform(reference)

        def distance(rows, near_rows, points=points, near=near):
            return frechet_distance(points[rows], near[near_rows])

        found = bootstrap_interval(distance, [40, 120], 200, seed, method="basic")
        held += found["low"] <= 0 <= found["high"]
    assert held >= 55


def test_headings():
    text = "Nurse wanted\nWe hire for wards.\nYOUR TASKS\n• care\nPerks:\nTea, cake\nOh!\nEnd"
    assert section_headings(text) == ["Nurse wanted", "YOUR TASKS", "Perks:"]
    assert section_headings("") == []


def test_spans_are_where_coverage_says():
    keywords = ["develop algorithm", "C++", "🙂", "Rust"]
    text = "DEVELOPING algorithms in C++; we develop an algorithm 🙂."
    spans = keyword_spans(text, keywords)
    assert [text[a:b] for a, b in spans] == ["DEVELOPING algorithms", "C++", "🙂"]
    assert covered_by_stems(text, keywords) == [True, True, True, False]


def test_pieces_of_a_text():
    learnt = "we care for people day and night in the whole county"
    index = MemorizationIndex.of([learnt], [0])
    text = "Hello: WE care for people, day and night in the region. Night!"
    found = cut_into_pieces(text, ("people", "night"), index)
    assert "".join(piece["text"] for piece in found) == text
    memorized = "".join(piece["text"] for piece in found if piece["memorized"])
    assert memorized == "WE care for people, day and night in the"
    assert [piece["text"] for piece in found if piece["keyword"]] == ["people", "night", "Night"]
    assert cut_into_pieces("", ("a",), None) == []


# --- on real postings


def real_postings(n: int, seed: int = 0) -> pd.DataFrame:
    """Some of them, with 2-grams of their own as keywords."""
    frame = pd.read_csv(REAL_POSTINGS).sample(n, random_state=seed).reset_index(drop=True)
    draw = np.random.default_rng(seed)

    def drawn(text: str) -> list[str]:
        words = text.split()
        starts = draw.choice(max(1, len(words) - 2), min(8, len(words)), replace=False)
        return [" ".join(words[i : i + 2]) for i in starts]

    return frame.assign(keywords=frame["text"].map(drawn))


def judged(sets: dict[str, pd.DataFrame], **changes) -> dict:
    words = min(count_words(frame["text"]) for frame in sets.values())
    resources = Resources(None, None, None, 15, words, 10, 0)
    for name, value in changes.items():
        setattr(resources, name, value)
    config = EvaluateConfig(sets={"a": "a"}, real="b", resamples=400)
    return evaluate(config, sets, resources)[0]


@pytest.fixture(scope="module")
def halves() -> tuple[pd.DataFrame, pd.DataFrame, MemorizationIndex]:
    """Real postings in two halves, and the index of others."""
    frame = real_postings(500)
    index = MemorizationIndex.of(frame["text"][300:], range(200))
    return frame[:150].reset_index(drop=True), frame[150:300].reset_index(drop=True), index


@needs_real_postings
def test_real_postings_are_like_real_postings():
    """Of all metrics of ten random halves, about 95 % of the intervals hold the difference 0."""
    frame, inside, asked = real_postings(400, seed=3), 0, 0
    index = MemorizationIndex.of(real_postings(700, seed=4)["text"][400:], range(300))
    for seed in range(10):
        mixed = frame.sample(frac=1, random_state=seed).reset_index(drop=True)
        sets = {
            "half": mixed[:200].reset_index(drop=True),
            REAL: mixed[200:].reset_index(drop=True),
        }
        metrics = judged(sets, index=index)["sets"]["half"]["metrics"]
        apart = [entry["difference"] for entry in metrics.values()]
        # Real postings have all their keywords: those intervals are points.
        apart = [entry for entry in apart if entry["high"] > entry["low"]]
        assert len(apart) >= 15
        inside += sum(entry["low"] <= 0 <= entry["high"] for entry in apart)
        asked += len(apart)
    assert inside / asked > 0.9


def outside(entry: dict) -> float:
    """How far the difference from real postings is from 0, in widths of its interval."""
    apart = entry["difference"]
    return max(apart["low"], -apart["high"], 0) / (apart["high"] - apart["low"] or 1e-9)


@needs_real_postings
@pytest.mark.parametrize(
    ("control", "moved"),
    [
        ("swapped keywords", ["coverage", "coverage_exact", "coverage_gain", "all_covered"]),
        ("repeated text", ["repetition"]),
        ("copied training text", ["memorized_share", "memorized_words"]),
        ("one text", ["self_bleu", "distinct_2", "distinct_3", "near_duplicates"]),
        ("e-mail addresses", ["personal_data"]),
        ("shouted at men", ["masculine"]),
        ("long words", ["reading_grade"]),
        ("no lines", ["headings"]),
        ("halved", ["words"]),
    ],
)
def test_each_control_moves_its_metric(halves, control, moved):
    good, real, index = halves
    texts, changed = good["text"], good.copy()
    if control == "swapped keywords":
        changed["keywords"] = list(good["keywords"][1:]) + list(good["keywords"][:1])
    elif control == "repeated text":
        changed["text"] = [text[: len(text) // 2] * 2 for text in texts]
    elif control == "copied training text":
        learnt = real_postings(500)["text"][300:450]
        changed["text"] = [
            f"{mine} {theirs[: len(theirs) // 2]}"
            for mine, theirs in zip(texts, learnt, strict=True)
        ]
    elif control == "one text":
        changed["text"] = [texts[0]] * len(texts)
    elif control == "e-mail addresses":
        changed["text"] = texts + " Write to jane.doe@example.com."
    elif control == "shouted at men":
        changed["text"] = texts + " Competitive, ambitious, fearless leaders decide." * 5
    elif control == "long words":
        changed["text"] = texts + " Organisational responsibilities notwithstanding." * 30
    elif control == "no lines":
        changed["text"] = [" ".join(text.split()) for text in texts]
    elif control == "halved":
        changed["text"] = [" ".join(text.split()[: len(text.split()) // 2]) for text in texts]
    metrics = judged({"set": changed, REAL: real}, index=index)["sets"]["set"]["metrics"]
    untouched = judged({"set": good, REAL: real}, index=index)["sets"]["set"]["metrics"]
    for key in moved:
        assert outside(metrics[key]) > 1, key
        assert outside(untouched[key]) < 0.3, key


@needs_real_postings
def test_texts_of_another_kind_are_far_from_real_postings(halves):
    """With a real embedder: pieces of the licence."""
    from jobgen.common.config import OFFLINE_EMBEDDER
    from jobgen.data.embeddings import Embedder
    from jobgen.models.hub import locate

    good, real, _ = halves
    embed = Embedder(locate(OFFLINE_EMBEDDER), "auto", max_tokens=64, cache=None)
    words = (ROOT / "LICENSE").read_text().split()
    others = pd.DataFrame({"text": [" ".join(words[30 * k : 30 * k + 60]) for k in range(40)]})
    sets = {"other": others, "good": good[:40], REAL: real}
    report = judged(sets, embed=embed, sample_size=2)
    metrics = {name: part["metrics"]["distance"] for name, part in report["sets"].items()}
    assert outside(metrics["other"]) > 1
    assert outside(metrics["good"]) < 0.3
    assert metrics[REAL]["low"] <= 0 <= metrics[REAL]["high"]
    assert report["best"]["distance"] == ["good"]


@needs_real_postings
def test_shuffled_words_are_unlikely(halves):
    """With real weights."""
    from jobgen.common.config import OFFLINE_MODEL, TrainConfig
    from utils import NLP_model

    good, real, _ = halves
    draw = np.random.default_rng(0)
    shuffled = good.assign(text=[" ".join(draw.permutation(text.split())) for text in good["text"]])
    nlp = NLP_model(TrainConfig(model=OFFLINE_MODEL, max_length=700))
    sets = {"shuffled": shuffled, "good": good, REAL: real}
    report = judged(sets, model=nlp, sample_size=6)
    metrics, untouched = (report["sets"][name]["metrics"] for name in ("shuffled", "good"))
    for key in ("nats_per_byte", "perplexity"):
        assert outside(metrics[key]) > 0.5, key
        assert outside(untouched[key]) < 0.3, key
    assert report["best"]["nats_per_byte"] == ["good"]
    # Likelihood is that of the evaluation in training.
    one = good[:1]
    expected = nlp.evaluate(one.assign(keywords=[words[:8] for words in one["keywords"]]))
    nats = nlp.nats(one)
    size = len(one["text"][0].encode())
    assert nats["nats"][0] / size == pytest.approx(expected["eval_nats_per_byte"], rel=1e-6)


# --- the script


def write_sets(folder) -> dict[str, str]:
    """The same five postings in every format."""
    rows = pd.DataFrame(
        {
            "title": [f"Nurse {i % 3}" for i in range(5)],
            "keywords": ["night shifts, first aid"] * 3 + ["Python, Rust"] * 2,
            "text": [
                f"We hire nurse {i} for night shifts. <b>You & we</b>\nYour tasks:\n• first aid\n"
                + "and care " * i
                for i in range(5)
            ],
            "finished": ["True", "False", "True", "True", "True"],
        }
    )
    lists = rows.assign(keywords=rows["keywords"].str.split(", "))
    rows.to_csv(folder / "a.csv", index=False)
    original = rows.drop(columns="finished").rename(columns={"keywords": "kws"})
    original[["text", "title", "kws"]].to_csv(folder / "b.csv", index=False, sep="\t")
    lists.to_pickle(folder / "c.pkl")
    lists.to_json(folder / "d.jsonl", orient="records", lines=True)
    lists[["title", "keywords", "text"]].to_pickle(folder / "real.pkl")
    return {name: str(folder / name) for name in ("a.csv", "b.csv", "c.pkl", "d.jsonl")}


def run_evaluation(folder, **values):
    values = {"embedder": None, "output_dir": str(folder / "report"), "resamples": 100} | values
    config = {"sets": write_sets(folder), "real": str(folder / "real.pkl")} | values
    (folder / "evaluate.json").write_text(json.dumps(config))
    return run_script("cli_evaluate.py", "-cfg", str(folder / "evaluate.json"))


def test_script_reads_every_format_the_same(tmp_path, tiny_model):
    from utils import NLP_model

    nlp = NLP_model({"model": str(tiny_model), "max_length": 128})
    nlp.save(str(tmp_path / "model"))
    run = tmp_path / "run"
    run.mkdir()
    lines = [{"step": 0, "eval_loss": 3.0}, {"step": 5, "loss": 2.0}, {"step": 9, "eval_loss": 1.5}]
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = run_evaluation(
        tmp_path,
        model=str(tmp_path / "model"),
        train=str(tmp_path / "real.pkl"),
        run_folders={"tiny": str(run)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    folder = tmp_path / "report"
    names = {
        "report.json",
        "report.html",
        "coverage.png",
        "lengths.png",
        "memorized_spans.png",
        "losses.png",
    }
    assert {path.name for path in folder.iterdir()} == names
    report = json.loads((folder / "report.json").read_text())
    metrics = [part["metrics"] for name, part in report["sets"].items() if name != REAL]
    assert len(metrics) == 4
    for others in metrics[1:]:
        for key in others:
            assert others[key]["value"] == metrics[0][key]["value"], key
    assert metrics[0]["coverage"]["value"] == pytest.approx(6 / 10)
    assert metrics[0]["finished"]["value"] == pytest.approx(4 / 5)
    assert metrics[0]["memorized_share"]["value"] == 1
    assert 0 < metrics[0]["nats_per_byte"]["value"] < 10
    assert "finished" not in metrics[1]
    for part in report["sets"].values():
        for entry in part["metrics"].values():
            assert entry["low"] <= entry["value"] <= entry["high"]
    assert "NaN" not in (folder / "report.json").read_text()
    for metric in METRICS:
        if metric.key not in ("distance", "coverage_by_meaning"):
            assert metric.label in done.stdout
    page = (folder / "report.html").read_text()
    assert "&lt;b&gt;You &amp; we&lt;/b&gt;" in page
    again = run_evaluation(tmp_path, model=str(tmp_path / "model"))
    assert again.returncode == 0
    report = json.loads((folder / "report.json").read_text())
    assert report["sets"]["a.csv"]["metrics"]["words"] == metrics[0]["words"]


@needs_original
def test_the_originals_published_samples(tmp_path):
    """They mention 41 % and 45 % of their keywords."""
    files = sorted((ORIGINAL / "generated_texts").glob("*.csv"))
    done = run_evaluation(tmp_path, sets={path.stem[:8]: str(path) for path in files})
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    metrics = [part["metrics"]["coverage"]["value"] for part in report["sets"].values()]
    assert metrics[:2] == [pytest.approx(0.41, abs=0.006), pytest.approx(0.452, abs=0.006)]


ODD_SETS = {  # rows, and what is said of them
    "one": ([{"text": "We hire."}], "one posting: nothing to compare it with"),
    "bare": ([{"text": "We hire."}] * 3, "no keywords: coverage is left out"),
    "empty": ([{"text": "", "title": "A", "keywords": ["b"]}] * 3, "3 texts are empty"),
    "nulls": ([{"text": None, "title": None, "keywords": None}] * 2, "2 texts are empty"),
    "alike": (
        [{"text": "a", "keywords": "b", "title": "A"}] * 2,
        "of another posting's is left out",
    ),
    "long": (
        [
            {"text": " ".join(f"w{i * n % 7919}" for i in range(100_000)), "title": "A"}
            | {"keywords": ["w1"]}
            for n in (1, 3)
        ],
        "too long for the model",
    ),
    "tongues": (
        [
            {"text": "نبحث عن مهندس", "title": "مهندس", "keywords": ["مهندس"]},
            {"text": "エンジニアを募集しています。", "title": "仕事", "keywords": ["募集"]},
            {"text": "Wir suchen 🙂", "title": "<|EOS|>", "keywords": ["🙂", "<|SEP|>"]},
        ]
        * 2,
        "",
    ),
    "strange [/b]": ([{"text": "x", "new": 1}, {"text": "y", "new": {"a": 2}}], "no likelihood"),
    "marks": ([{"text": "!!!", "title": "$a $", "keywords": ["$#1 team, $2", "\ud83d"]}] * 3, ""),
}


def test_sets_that_lack_something(tmp_path, tiny_model):
    from utils import NLP_model

    NLP_model({"model": str(tiny_model), "max_length": 128}).save(str(tmp_path / "model"))
    sets = {"a": str(tmp_path / "a.csv")}
    for number, (name, (rows, _)) in enumerate(ODD_SETS.items()):
        path = tmp_path / f"{number}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        sets[name] = str(path)
    done = run_evaluation(
        tmp_path,
        sets=sets,
        model=str(tmp_path / "model"),
        train=str(tmp_path / "real.pkl"),
        shown=99,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    for name, (rows, said) in ODD_SETS.items():
        assert report["sets"][name]["postings"] == len(rows)
        notes = [note for note in report["notes"] if note.startswith(f"{name}: ")]
        assert not said or any(said in note for note in notes)
        for entry in report["sets"][name]["metrics"].values():
            assert math.isfinite(entry["value"])
    assert report["sets"]["one"]["metrics"]["words"] == {"value": 2, "low": None, "high": None}
    assert report["sets"]["tongues"]["metrics"]["coverage"]["value"] == pytest.approx(2 / 4)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sets": {}}, "sets = {}"),
        ({"sets": {"a": "nowhere.csv"}}, 'sets.a = "nowhere.csv"  no such file'),
        ({"sets": {REAL: "real.pkl"}}, "is the name of what they are compared with"),
        ({"sets": ["a.csv"]}, "expected object of texts"),
        ({"reel": "x"}, 'reel             unknown key; did you mean "real"?'),
        ({"real": "table.csv"}, 'no column "text"; its columns are: name'),
        ({"run_folders": {"a": "."}}, "is no run folder: no metrics.jsonl"),
        ({"model": "nowhere"}, "nowhere"),
        ({"resamples": 3}, "expected whole number >= 100"),
    ],
)
def test_bad_input_is_one_message(tmp_path, values, message):
    (tmp_path / "table.csv").write_text("name\nx\n")
    if "real" in values:
        values = values | {"real": str(tmp_path / values["real"])}
    if values.get("sets") == {REAL: "real.pkl"}:
        values = {"sets": {REAL: str(tmp_path / "real.pkl")}}
    done = run_evaluation(tmp_path, **values)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "report").exists()


def test_texts_of_the_prompts_that_most_sets_have():
    frame = pd.DataFrame({"title": ["A", "B"], "keywords": [["x"], ["y"]], "text": ["x x", "no"]})
    more = frame[::-1].reset_index(drop=True)
    real = pd.DataFrame(
        {"title": ["B", "C"], "keywords": [["y"], ["z"]], "text": ["a y", "long x, y, z"]}
    )
    sets = {"one": frame, "two": more[:1], "bare": frame[["text"]], REAL: real}
    shown = texts_side_by_side(sets, None, shown=9)
    assert [prompt["title"] for prompt in shown] == ["B", "A"]  # of C there is but a real one
    assert [text["set"] for text in shown[0]["texts"]] == ["one", "two", REAL]
    assert shown[0]["texts"][0]["missing"] == ["y"]
    # Nobody wrote a real one for A; one mentions its keyword.
    assert [text["set"] for text in shown[1]["texts"]] == ["one", f"{REAL}: C"]
    assert [text["missing"] for text in shown[1]["texts"]] == [[], []]


def test_keywords_in_every_way_of_writing_them(tmp_path):
    for cell in ('"a b, c"', "\"['a b', 'c']\"", '"[\'a b\', ""c""]"'):
        path = tmp_path / "set.csv"
        path.write_text(f"text,keywords\nx,{cell}\n")
        assert read_postings(str(path))["keywords"][0] == ["a b", "c"]
    frame = pd.DataFrame({"text": ["x", "x"], "keywords": ["a", "b"]}, dtype="category")
    frame.to_pickle(tmp_path / "set.pkl")
    assert list(read_postings(str(tmp_path / "set.pkl"))["keywords"]) == [["a"], ["b"]]


@needs_real_postings
@pytest.mark.slow
def test_a_thousand_postings_against_five_thousand(tmp_path):
    """Within five minutes and 4 GB, without the metrics that need a model."""
    lines = [line for text in pd.read_csv(REAL_POSTINGS)["text"] for line in text.splitlines()]
    draw = np.random.default_rng(0)

    def mixed(n: int) -> pd.DataFrame:
        chosen = draw.integers(len(lines), size=(n, 30))
        texts = ["\n".join(lines[i] for i in row) for row in chosen]
        keywords = [[" ".join(text.split()[k : k + 2]) for k in range(0, 80, 10)] for text in texts]
        return pd.DataFrame({"title": "Nurse", "keywords": keywords, "text": texts})

    for name, n in (("set", 1000), ("real", 1000), ("train", 5000)):
        mixed(n).to_pickle(tmp_path / f"{name}.pkl")
    began = time.monotonic()
    done = run_evaluation(
        tmp_path,
        sets={"set": str(tmp_path / "set.pkl")},
        train=str(tmp_path / "train.pkl"),
        resamples=1000,
    )
    seconds = time.monotonic() - began
    # Of the largest child so far; nothing else in this file comes near to it.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9
    assert done.returncode == 0, done.stderr[-2000:]
    print(f"{seconds:.0f} s, {peak:.2f} GB")
    assert seconds < 300
    assert peak < 4
