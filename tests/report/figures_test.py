import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex

from lec7.report import comparisons, curves, figures, style

STEPS = np.arange(1, 21)
RNG = np.random.default_rng(0)
LOSSES = np.exp(RNG.normal(-STEPS / 5, 0.1, (5, 20)))


def drawn(groups, y_label="loss", **looks):
    labels = ("update", y_label)
    return curves.Curves("curves", groups, labels, caption="", **looks).draw()


def training():
    return drawn(
        {"small batch": (STEPS, LOSSES), "large batch": (STEPS[::2], LOSSES[:, ::2])},
        "loss (nats)",
        log="xy",
        marks={"half": 10},
    )


def save(figure, folder, name="loss", data=None):
    data = {"losses": LOSSES} if data is None else data
    return figures.save_figure(figure, folder, name, data=data, caption="Loss.")


@pytest.mark.parametrize("kind", ["png", "svg", "npz"])
def test_equal_figures_have_equal_bytes(tmp_path, kind):
    first, second = (save(training(), tmp_path / folder) for folder in "ab")
    first, second = getattr(first, kind), getattr(second, kind)
    assert first.read_bytes() == second.read_bytes()
    assert first == tmp_path / "a" / "figures" / f"loss.{kind}"


def test_numbers_of_a_figure_come_back(tmp_path):
    data = {"losses": LOSSES, "small batch, 32": STEPS, "names": ["a", "b"]}
    record = save(training(), tmp_path, data=data)
    with np.load(record.npz, allow_pickle=False) as stored:
        assert sorted(stored) == sorted(data)
        for key, value in data.items():
            np.testing.assert_array_equal(stored[key], value)


def test_a_name_that_is_no_file_name_is_refused(tmp_path):
    for name in ("../loss", "a b", "", "-x", "loss.svg"):
        with pytest.raises(ValueError, match="letters, digits"):
            save(training(), tmp_path, name)
    assert not list(tmp_path.iterdir())


def test_data_that_would_be_pickled_is_refused(tmp_path):
    with pytest.raises(ValueError, match="'losses' is no array"):
        save(training(), tmp_path, data={"losses": [None, 1.0]})
    assert not list(tmp_path.iterdir())


def test_users_settings_are_neither_used_nor_changed(tmp_path):
    plain = save(training(), tmp_path / "a").svg.read_bytes()
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red"}):
        assert save(training(), tmp_path / "b").svg.read_bytes() == plain
        assert matplotlib.rcParams["font.size"] == 30


def test_curves_show_the_median_in_a_band_that_holds_every_member():
    (axes,) = training().axes
    line, band = axes.lines[0], axes.collections[0]
    np.testing.assert_allclose(line.get_ydata(), np.median(LOSSES, axis=0))
    edge = band.get_paths()[0].vertices[:, 1]
    assert edge.min() == LOSSES.min()
    assert edge.max() == LOSSES.max()


def test_what_cannot_be_drawn_is_left_out():
    losses = LOSSES.copy()
    losses[0], losses[1, 3], losses[2, 4] = np.nan, np.inf, 0.0
    figure = drawn(
        {"a": (STEPS, losses), "none": (STEPS, np.full(20, np.nan))}, log="y"
    )
    line = figure.axes[0].lines[0].get_ydata()
    assert np.all(np.isfinite(line))
    assert line[3] == np.median(losses[2:, 3])
    assert line[4] == np.median(losses[[1, 3, 4], 4])


def test_every_group_looks_different():
    groups = {f"group {place}": (STEPS, LOSSES[0]) for place in range(12)}
    figure = drawn(groups)
    looks = {(to_hex(x.get_color()), x.get_linestyle()) for x in figure.axes[0].lines}
    assert len(looks) == 12


def test_interpolation_has_loss_and_accuracy_on_axes_of_their_own():
    t = np.linspace(-1, 2, 7)
    loss, accuracy = 0.1 + t**2 * (t - 1) ** 2, np.clip(1 - 0.1 * t**2, 0, 1)
    figure = curves.Interpolation(
        "line",
        t,
        {
            "train": {"loss": loss, "accuracy": accuracy},
            "test": {"loss": 2 * loss, "accuracy": accuracy},
        },
        ("small", "large"),
        caption="",
    ).draw()
    left, right = figure.axes
    assert (left.get_yscale(), right.get_yscale()) == ("log", "linear")
    np.testing.assert_allclose(left.lines[1].get_ydata(), 2 * loss)
    np.testing.assert_allclose(right.lines[0].get_ydata(), accuracy)
    assert {text.get_text() for text in left.texts} == {"small", "large"}


def test_what_stands_alone_is_drawn_as_points():
    figure = drawn({"a": ([3, 1, 2], [5.0, 6.0, 7.0])}, "y", points=True)
    (line,) = figure.axes[0].lines
    assert (line.get_marker(), line.get_linestyle()) == ("o", "None")
    np.testing.assert_array_equal(line.get_xdata(), [3, 1, 2])


def paired(measures, groups, **looks):
    return comparisons.Paired("pairs", measures, groups, caption="", **looks).draw()


def test_paired_shows_every_seed_mean_and_interval():
    values = np.array([[1.0, 2.0, 4.0], [30.0, 10.0, np.nan]])
    figure = paired({"sharpness": values}, ("small batch", "large batch"), log=True)
    (axes,) = figure.axes
    marks = {
        line.get_marker(): line for line in axes.lines if line.get_xdata()[0] == 0.2
    }
    assert marks["D"].get_ydata() == pytest.approx([2.0])
    circles = [line.get_ydata() for line in axes.lines if line.get_marker() == "o"]
    np.testing.assert_array_equal(circles[0], values[0])
    np.testing.assert_array_equal(circles[1], values[1, :2])
    joined = [line.get_ydata() for line in axes.lines if line.get_marker() == "None"]
    np.testing.assert_array_equal(np.stack(joined), values.T)
    half = 0.95 / np.sqrt(2 * 0.975 * 0.025) * np.log(2) / np.sqrt(3)
    np.testing.assert_allclose(
        axes.collections[0].get_segments()[0][:, 1], 2 * np.exp([-half, half])
    )


def test_a_reference_stands_in_every_panel():
    rows = [[0.5, 1.5], [2.0, 3.0]]
    figure = paired({"a": rows, "b": rows}, ("x", "y"), log=True, reference=1)
    ends = [list(axes.lines[-1].get_ydata()) for axes in figure.axes]
    assert ends == [[1, 1], [1, 1]]


@pytest.mark.parametrize(
    ("count", "log"),
    [
        pytest.param(count, log, marks=[pytest.mark.slow] * (log != (count == 5)))
        for count in (1, 5, 9)
        for log in (False, True)
    ],
)
def test_paired_has_a_panel_for_each_measure_even_for_an_empty_one(count, log):
    measures = {
        f"measure {place}": RNG.lognormal(size=(3, 4)) for place in range(count)
    }
    measures["measure 0"] = np.full((3, 4), np.nan)
    figure = paired(measures, "abc", x_label="rule", log=log)
    panels = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title() for axes in panels] == list(measures)
    assert {axes.get_xlabel() for axes in panels} == {"rule"}
    figure.draw_without_rendering()


@pytest.mark.parametrize(
    ("limits", "ticks"),
    [
        ((0.5, 5e4), ["1", "10", "100", "1,000", "10,000"]),
        ((0.8, 30), ["1", "2", "5", "10", "20"]),
        ((0.8, 1.3), ["0.8", "0.9", "1", "1.1", "1.2", "1.3"]),
        ((0.09, 0.44), ["0.1", "0.2", "0.3", "0.4"]),
    ],
)
def test_a_log_axis_is_labelled_with_plain_numbers(limits, ticks):
    figure, (axes,) = style.panels()
    axes.set(xscale="log", xlim=limits)
    style.label_decades(axes.xaxis)
    figure.draw_without_rendering()
    low, high = limits
    shown = zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
    assert [text.get_text() for x, text in shown if low <= x <= high * 1.001] == ticks


@pytest.mark.parametrize(
    ("program", "unwanted"),
    [
        (
            "import lec7.report",
            {"matplotlib", "scipy.special", "rich", "jax"},
        ),
        (
            "from lec7.report import style; style.panels()[0].draw_without_rendering()",
            {"matplotlib.pyplot"},
        ),
    ],
)
def test_a_slow_library_is_loaded_when_needed_and_pyplot_never(program, unwanted):
    program = f"import sys; {program}; print({unwanted} & set(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "set()"


def test_a_level_is_a_named_line_across_the_curves():
    figure = drawn({"curve": (np.arange(3), np.arange(3.0))}, levels={"limit": 1.5})
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    assert set(lines["limit"].get_ydata()) == {1.5}
    assert "limit" in [text.get_text() for text in figure.legends[0].get_texts()]
