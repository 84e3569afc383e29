"""Every measure of the report card is named."""

from experiments import sharp_vs_flat_card as card


def test_every_measure_of_the_report_card_has_a_title():
    assert set(card.NAMES) == set(card.TITLES) == set(card.IDS)
    assert len(set(card.IDS.values())) == len(card.NAMES)
