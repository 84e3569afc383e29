import numpy as np
import pytest

from lec7 import report, sharpness

CARD = sharpness.Card(
    [
        sharpness.Row("hessian_max", 3.0, 0.5, {}, 8.0, False),
        sharpness.Row("fisher_rao", 0.1, float("nan"), {}, 8.0, True),
        sharpness.Row("own", 2.0, 5.0, {}, 8.0, False),
    ]
)


def test_a_card_is_drawn_with_two_standard_errors_and_no_line_below_zero():
    plot = report.plot_card(CARD)
    lines = plot.figure.axes[0].collections[0].get_segments()
    ends = [np.array(line)[:, 0].tolist() for line in lines]
    assert ends == [[2.0, 4.0], [0.1, 0.1], [2.0, 12.0]]
    labels = plot.figure.axes[0].get_yticklabels()
    assert [label.get_text() for label in labels][-1] == "own"
    assert [label.get_fontweight() for label in labels] == ["normal", "bold", "normal"]


@pytest.mark.parametrize("cards", [{}, [], {"a": CARD, "b": CARD[:1]}])
def test_cards_of_different_measures_are_refused(cards):
    with pytest.raises(ValueError, match="cards hold the measures .*; expected"):
        report.plot_card(cards)


def test_a_plot_is_shown_in_a_notebook_and_saved_by_the_end_of_its_name(tmp_path):
    plot = report.plot_card(CARD)
    assert plot._repr_png_().startswith(b"\x89PNG")
    plot.save(tmp_path / "card.svg")
    assert "<svg" in (tmp_path / "card.svg").read_text()
    assert "array" not in repr(plot)
