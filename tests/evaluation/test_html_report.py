"""The report in a real browser: on a desk, on a phone, on paper, without a network."""

import json
import re
import shutil

import pytest
from conftest import postings, run_script

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A report of two sets, one of which mentions its keywords and repeats a training posting."""
    folder = tmp_path_factory.mktemp("page")
    real, learnt = postings(60)[:40], postings(90)[60:]
    real.to_pickle(folder / "real.pkl")
    learnt.to_pickle(folder / "train.pkl")
    good = real.assign(
        text=[
            f"{a} {b}" for a, b in zip(real["text"], learnt["text"][:1].tolist() * 40, strict=True)
        ]
    )
    poor = real.assign(text="<script>document.title = 'broken'</script> Nothing of that.\n" * 3)
    good.to_pickle(folder / "good.pkl")
    poor.to_pickle(folder / "poor.pkl")
    config = {
        "sets": {"a good one": str(folder / "good.pkl"), "a <poor> one": str(folder / "poor.pkl")},
        "real": str(folder / "real.pkl"),
        "train": str(folder / "train.pkl"),
        "embedder": None,
        "output_dir": str(folder / "report"),
        "resamples": 100,
        "shown": 2,
    }
    (folder / "evaluate.json").write_text(json.dumps(config))
    done = run_script("cli_evaluate.py", "-cfg", str(folder / "evaluate.json"))
    assert done.returncode == 0, done.stderr[-2000:]
    return folder / "report"


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    quiet = ("--disable-background-networking", "--disable-component-update", "--disable-sync")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", *quiet]
        )
        yield running
        running.close()


def opened(browser, report, width: int, height: int):
    page = browser.new_page(viewport={"width": width, "height": height})
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    errors = []
    page.on("pageerror", lambda error: errors.append(error))
    page.goto(f"file://{report / 'report.html'}")
    assert not errors
    outside = [url for url in asked if not url.startswith(("file:", "data:"))]
    assert outside == []
    return page


def test_every_part_is_there(browser, report):
    page = opened(browser, report, 1200, 900)
    assert page.title() == "Evaluation of job postings"
    assert "a good one: mentions" in page.inner_text("#summary")
    heads = page.locator("#metrics thead th").all_inner_texts()
    assert [head.split("\n")[0].strip() for head in heads[1:]] == [
        "a good one", "a <poor> one", "real postings",
    ]  # fmt: skip
    row = page.locator("#metrics tbody tr", has_text="keywords, by stems")
    cells = row.locator("td")
    assert cells.nth(0).get_attribute("class") == "best"
    assert "%" in cells.nth(0).inner_text()
    pictures = page.locator("#plots img")
    assert pictures.count() == 3
    for number in range(3):
        assert pictures.nth(number).evaluate("image => image.naturalWidth") > 500
    articles = page.locator("#texts article")
    assert articles.count() == 6  # two prompts, two sets and the real ones
    good = articles.filter(has_text="a good one").first
    assert good.locator("mark").count() > 0
    assert "in team 60" in "".join(good.locator("u").all_inner_texts())
    poor = articles.filter(has_text="a <poor> one").first
    assert poor.locator("mark").count() == 0
    assert "missing keywords: " in poor.inner_text()
    assert "document.title = 'broken'" in poor.inner_text()
    page.close()


def test_a_picture_of_it_shows_the_marks(browser, report, tmp_path):
    """The colours of marks, of the best cell and of the plots are on the screenshot."""
    from matplotlib.image import imread

    page = opened(browser, report, 1200, 900)
    page.screenshot(path=tmp_path / "page.png", full_page=True)
    page.close()
    picture = (imread(tmp_path / "page.png")[:, :, :3] * 255).round().astype(int)
    for name, colour in {
        "a keyword": (255, 224, 138),
        "a memorized span": (194, 24, 91),
        "the best": (227, 244, 234),
        "a bar of a plot": (213, 94, 0),
    }.items():
        assert (abs(picture - colour).max(axis=2) <= 12).sum() > 20, name


@pytest.mark.parametrize("width", [360, 768])
def test_narrow_screens(browser, report, width):
    """Nothing is wider than the screen; the table moves in a frame of its own."""
    page = opened(browser, report, width, 700)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for part in page.locator("article, figure, h1, #summary").all():
        box = part.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    page.close()


def test_paper(browser, report):
    """Printed, no text is cut off in a box that scrolls, and the pages are not endless."""
    page = opened(browser, report, 1000, 800)
    page.emulate_media(media="print")
    for box in page.locator("article .text").all():
        assert box.evaluate("box => box.scrollHeight - box.clientHeight") <= 1
    pdf = page.pdf(format="A4")
    page.close()
    assert 1 < len(re.findall(rb"/Type\s*/Page\b", pdf)) < 15


def test_the_table_holds_what_report_json_says(browser, report):
    metrics = json.loads((report / "report.json").read_text())["sets"]["a good one"]["metrics"]
    page = opened(browser, report, 1200, 900)
    row = page.locator("#metrics tbody tr", has_text="longest memorized span")
    assert f"{metrics['memorized_words']['value']:.1f}" in row.locator("td").nth(0).inner_text()
    page.close()
