"""What a reader does with a page, in Chromium: turn, zoom, scroll, click a start."""

import io
import shutil

import numpy as np
import pytest
from PIL import Image

from lec7 import problems
from lec7.report import landscapes, page, planes, playgrounds, surfaces, trajectories

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="playwright, which drives the browser, is missing"
)
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
PROVENANCE = page.Provenance(
    question="", command="x", config=[], environment={}, seconds={}
)
X = np.linspace(-1, 1, 9)
BOWL = 0.01 + X[:, None] ** 2 + 3 * X**2
STAGES, CANVAS = ".stages", ".relief canvas:first-child"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A page with a landscape of two surfaces and a playground."""
    hollow = BOWL.copy()
    hollow[0, 0] = np.nan
    bowl = landscapes.Landscape(x=X, y=X, losses={"bowl": BOWL})
    both = landscapes.Landscape(x=X, y=X, losses={"bowl": BOWL, "hollow": hollow})
    way = ([0.9, 0.5, 0.1], [0.9, 0.2, 0.0], [3.3, 0.4, 0.02])
    plane = planes.Plane(landscape=bowl, paths={"SGD": np.eye(2)})
    still = trajectories.Trajectories("still", {"": plane}, caption="")
    report = page.Report(
        title="Pages move",
        summary="",
        claims=[],
        sections=[
            page.Section(
                "Landscape",
                surfaces.Surface("relief", both, caption="Two.", paths={"bowl": way}),
                "Words below.\n\n" * 60,
            ),
            page.Section(
                "Playground",
                playgrounds.Playground("play", still, problems.PROBLEMS, caption="One"),
            ),
        ],
    )
    folder = tmp_path_factory.mktemp("run")
    return page.write_report(folder, report, PROVENANCE).as_uri()


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as driver:
        started = driver.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--enable-unsafe-swiftshader"],
        )
        yield started
        started.close()


@pytest.fixture(scope="module")
def visit(browser, address):
    """Return a function that opens the page, which must log and request nothing."""
    said = []

    def note(kind, text):
        if not text.startswith(("data:", address)) and "GPU stall" not in text:
            said.append((kind, text))

    def start(width=480, scheme="light", **look):
        size = {"width": width, "height": 700}
        tab = browser.new_page(viewport=size, color_scheme=scheme, **look)
        tab.on("console", lambda message: note(message.type, message.text))
        tab.on("pageerror", lambda error: note("error", str(error)))
        tab.on("request", lambda request: note("request", request.url))
        tab.goto(address)
        return tab

    yield start
    assert said == []


@pytest.fixture(scope="module")
def opened(visit):
    return visit()


@pytest.fixture
def tab(opened):
    """A page as it opens, though others have turned its landscapes before."""
    opened.get_by_role("button", name="Reset").click()
    opened.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    opened.mouse.move(1, 1)
    return opened


def camera(tab):
    """Return azimuth, elevation and zoom."""
    words = tab.locator(STAGES).get_attribute("data-camera")
    return [float(word) for word in words.split()]


def settle(tab):
    """Wait until what was asked for is drawn."""
    tab.evaluate("new Promise(done => requestAnimationFrame(done))")


def wait_until(tab, condition):
    """Wait at most two hundred frames; the page's policy forbids playwright's way."""
    tab.evaluate(
        f"""new Promise((done, fail) => (function look(k) {{
          if ({condition}) done();
          else if (k) requestAnimationFrame(() => look(k - 1));
          else fail(new Error({condition!r}));
        }})(200))"""
    )


def drag(tab, across, down):
    tab.locator(CANVAS).first.scroll_into_view_if_needed()
    box = tab.locator(CANVAS).first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x + across, y + down, steps=4)
    tab.mouse.up()


def test_a_drag_turns_all_surfaces_and_never_below_the_floor(tab):
    azimuth, elevation, zoom = camera(tab)
    drag(tab, 80, 40)
    turned = camera(tab)
    assert turned[0] < azimuth - 0.3
    assert turned[1] > elevation + 0.2
    assert turned[2] == zoom
    drag(tab, 0, -140)
    assert 0 < camera(tab)[1] < 0.1
    tab.locator(CANVAS).first.dblclick()
    assert camera(tab) == [azimuth, elevation, zoom]


def test_keys_turn_zoom_and_reset(tab):
    start = camera(tab)
    tab.locator(CANVAS).first.focus()
    for key, place, sign in (
        ("ArrowLeft", 0, -1),
        ("ArrowRight", 0, 1),
        ("ArrowUp", 1, 1),
        ("ArrowDown", 1, -1),
        ("+", 2, 1),
        ("-", 2, -1),
    ):
        before = camera(tab)
        tab.keyboard.press(key)
        moves = np.sign(np.subtract(camera(tab), before))
        assert moves.tolist() == [sign * (k == place) for k in range(3)], key
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.press("Home")
    assert camera(tab) == start


def test_the_wheel_scrolls_the_page_until_a_view_has_the_focus(tab):
    start = camera(tab)
    tab.locator(CANVAS).first.hover()
    tab.mouse.wheel(0, 200)
    wait_until(tab, "scrollY > 100")
    assert camera(tab) == start
    tab.locator(CANVAS).first.click()
    scrolled = tab.evaluate("scrollY")
    tab.mouse.wheel(0, 200)
    tab.wait_for_timeout(200)
    assert tab.evaluate("scrollY") == scrolled
    assert camera(tab)[2] < start[2]
    tab.keyboard.press("Escape")
    tab.mouse.wheel(0, 200)
    wait_until(tab, f"scrollY > {scrolled} + 100")


def test_two_fingers_zoom(tab):
    start = camera(tab)
    tab.locator(CANVAS).first.focus()
    tab.locator(CANVAS).first.evaluate(
        """canvas => {
          const send = (kind, id, x) => canvas.dispatchEvent(new PointerEvent(kind,
            {pointerId: id, clientX: x, clientY: 100, bubbles: true}));
          canvas.setPointerCapture = () => {};
          send("pointerdown", 1, 100);
          send("pointerdown", 2, 150);
          send("pointermove", 2, 200);
          send("pointerup", 1, 100);
          send("pointerup", 2, 200);
          delete canvas.setPointerCapture;
        }"""
    )
    assert camera(tab) == pytest.approx([*start[:2], 2 * start[2]])


def test_the_loss_pointed_at_is_read_from_all_surfaces(tab):
    tab.locator(CANVAS).first.focus()
    tab.keyboard.press("Shift+ArrowRight")
    for _ in range(3):
        tab.keyboard.press("Shift+ArrowUp")
    settle(tab)
    for reading in tab.locator(".head output").all_text_contents():
        loss, place = reading.split(" at ")
        x, y = (float(word.replace("−", "-")) for word in place[1:-1].split(", "))
        assert np.hypot(x, y) == pytest.approx(0.04 * np.sqrt(10), abs=2e-3)
        assert 0.01 < float(loss.removeprefix("loss ")) < 0.1
    tab.locator(CANVAS).first.hover()
    tab.mouse.move(1, 1)
    settle(tab)
    assert tab.locator(".head output").all_text_contents() == ["", ""]


def test_nothing_turns_unless_asked_and_less_motion_turns_by_steps(tab):
    start = camera(tab)
    settle(tab)
    assert camera(tab) == start
    turn = tab.get_by_role("button", name="Turn")
    turn.click()
    wait_until(
        tab,
        f"parseFloat(document.querySelector('.stages').dataset.camera) > {start[0]}",
    )
    turn.click()
    tab.emulate_media(reduced_motion="reduce")
    stopped = camera(tab)
    turn.click()
    stepped = camera(tab)
    settle(tab)
    assert (
        stepped[0] == camera(tab)[0] == pytest.approx(stopped[0] + np.pi / 12, abs=1e-3)
    )
    tab.emulate_media(reduced_motion="no-preference")


def test_print_and_a_page_without_javascript_show_the_still(visit, tab):
    tab.emulate_media(media="print")
    assert tab.locator(".surface > img").is_visible()
    assert not tab.locator(".stages").is_visible()
    tab.emulate_media(media="screen")
    assert not tab.locator(".surface > img").is_visible()
    quiet = visit(java_script_enabled=False)
    assert quiet.locator(".surface > img").is_visible()
    quiet.close()


def test_a_machine_without_webgl_shows_the_still_and_the_rest_of_the_page(
    browser, address
):
    tab = browser.new_page()
    tab.add_init_script(
        """const given = HTMLCanvasElement.prototype.getContext;
        HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
          return kind === "webgl2" ? null : given.call(this, kind, ...more);
        };"""
    )
    faults = []
    tab.on("pageerror", lambda error: faults.append(error))
    tab.goto(address)
    assert tab.locator(".surface > img").is_visible()
    assert not tab.locator(".stages").is_visible()
    assert path_ends(tab)
    assert faults == []
    tab.close()


def path_ends(tab):
    """Return what the cards of the playground say of the paths, by rule."""
    pairs = tab.evaluate(
        """[...document.querySelectorAll(".playground .rule:not(.off)")].map(card =>
          [card.querySelector("button").lastChild.data,
           card.querySelector("small").textContent])"""
    )
    return dict(pairs)


@pytest.fixture(scope="module", params=["light", "dark"])
def scheme(request):
    return request.param


@pytest.fixture(scope="module", params=[390, 1280])
def width(request):
    return request.param


@pytest.fixture(scope="module")
def sized(visit, width, scheme):
    tab = visit(width, scheme)
    yield tab
    tab.close()


def test_landscapes_fill_the_page_and_have_its_colours(sized, width, scheme):
    first, second = (box.bounding_box() for box in sized.locator(".stage").all())
    right = max(first["x"] + first["width"], second["x"] + second["width"])
    assert right - first["x"] > 0.88 * width
    assert (first["y"] == second["y"]) == (width == 1280)
    assert sized.evaluate("document.documentElement.scrollWidth") <= width
    picture = Image.open(io.BytesIO(sized.locator(".relief").first.screenshot()))
    picture = picture.convert("RGB")
    paper = (13, 17, 23) if scheme == "dark" else (255, 255, 255)
    assert picture.getpixel((3, 3)) == paper
    assert len(picture.getcolors(2**24)) > 1000


def test_rules_descend_from_where_the_reader_puts_the_start(sized, width):
    figure, plane = sized.locator(".playground"), sized.locator(".place .plane")
    first = figure.get_attribute("data-start")
    assert set(path_ends(sized)) == {"SGD", "momentum", "RMSProp", "Adam"}
    for said in path_ends(sized).values():
        assert said.startswith("loss ")
    box = plane.bounding_box()
    plane.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    x, y = map(float, figure.get_attribute("data-start").split())
    assert first != figure.get_attribute("data-start")
    assert -10 < x < 4
    assert -3.5 < y < 3.5
    sized.keyboard.press("ArrowRight")
    moved = [float(word) for word in figure.get_attribute("data-start").split()]
    assert moved == pytest.approx([x + 0.02 * 14, y], abs=1e-3)
    sized.get_by_role("slider", name="rate of SGD").fill("1")
    assert path_ends(sized)["SGD"].startswith("off the plane at step ")
    sized.get_by_role("combobox", name="Surface").select_option("double well")
    assert figure.get_attribute("data-start") == "-3.0000 1.0000"
    assert sized.evaluate("document.documentElement.scrollWidth") <= width


def test_a_loss_without_a_minimum_has_no_best_rates(tab):
    surface = tab.get_by_role("combobox", name="Surface")
    surface.select_option("saddle")
    best = tab.get_by_role("button", name="Best rates")
    assert best.is_disabled()
    assert set(path_ends(tab)) == {"SGD", "momentum", "RMSProp", "Adam"}
    surface.select_option("Rosenbrock")
    best.click()
    for said in path_ends(tab).values():
        assert float(said.split()[1]) < 0.5
