"""What a reader does with the page of a sweep: sort, lift a line, read on a phone."""

import shutil

import pytest

from lec7.report import sweep_pages, tried

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="playwright, which drives the browser, is missing"
)
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
LOSSES = [0.9, 10.0, 0.4, None]


LONG = "records.a_training_with_a_long_name.of_many_parts.validation_loss"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    return write(tmp_path_factory.mktemp("sweep"), "validation_loss").as_uri()


def write(folder, objective):
    trials = [
        tried.Trial(
            number,
            {"rate": 10.0 ** (number - 3), "batch": 16 * 4 ** (number % 2)},
            "failed" if loss is None else "finished",
            "a long message that must not push the page wide " * (loss is None),
            {} if loss is None else {objective: loss},
            {},
            f"trials/{number:05d}/report.html",
        )
        for number, loss in enumerate(LOSSES)
    ]
    sweep = tried.Sweep(
        experiment="fake",
        question="Which rate is best?",
        trials=trials,
        fields={"rate": [1e-3, 1e-2, 1e-1, 1.0], "batch": [16, 64]},
        objective=objective,
        higher=False,
        best=tried.Best({"rate": 0.1, "batch": 16}, (2,), 0.4, None, 0, 3),
        measures=[objective],
        warnings=[],
        tables=["table.csv"],
    )
    return sweep_pages.write_sweep(folder, sweep)


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        yield started
        started.close()


def rows(page):
    return page.eval_on_selector_all(
        "tr[data-trial]", "rows => rows.map(row => row.dataset.trial)"
    )


def test_a_click_on_a_title_sorts_by_number_what_has_none_last(browser, address):
    page = browser.new_page()
    page.goto(address)
    assert rows(page) == ["2", "0", "1", "3"]
    title = page.get_by_role("button", name="validation_loss")
    title.click()
    assert rows(page) == ["2", "0", "1", "3"]
    title.click()
    assert rows(page) == ["1", "0", "2", "3"]
    page.get_by_role("button", name="trial").click()
    assert rows(page) == ["0", "1", "2", "3"]


def test_a_line_under_the_pointer_is_lifted_and_told(browser, address):
    page = browser.new_page()
    page.goto(address)
    line = page.locator('polyline[data-trial="2"]')
    first = line.get_attribute("points").split()[0].split(",")
    box = page.locator(".parallels").bounding_box()
    scale = box["width"] / float(
        page.locator(".parallels").get_attribute("viewBox").split()[2]
    )
    x, y = (float(part) * scale for part in first)
    page.mouse.move(box["x"] + x + 2, box["y"] + y + 1)
    assert line.get_attribute("class") == "best up"
    assert page.locator("output").inner_text() == (
        "trial 2: rate 0.1, batch 16, validation_loss 0.400"
    )
    page.mouse.move(2, 2)
    assert line.get_attribute("class") == "best"


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_as_wide_as_the_screen(browser, address, width, scheme):
    page = browser.new_page(
        viewport={"width": width, "height": 800}, color_scheme=scheme
    )
    told = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert told == []


_CUT = """() => [...document.querySelectorAll("svg text")].filter(text => {
  const [a, b] = [text, text.closest("svg")].map(e => e.getBoundingClientRect());
  return a.left < b.left - 1 || a.right > b.right + 1 || a.top < b.top - 1;
}).map(text => text.textContent)"""
_WIDE = "of => of.filter(e => e.scrollWidth > e.clientWidth).map(e => e.className)"


@pytest.mark.parametrize("width", [390, 1280])
def test_a_long_name_is_neither_cut_nor_wider_than_the_screen(browser, tmp_path, width):
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto(write(tmp_path, LONG).as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate(_CUT) == []
    assert page.eval_on_selector_all("main p, main output", _WIDE) == []
    assert page.locator(".ranks i").bounding_box()["width"] > 100
