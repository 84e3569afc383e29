"""A card is written for a reader."""

from experiments import pretraining


def test_a_card_is_told_without_the_brackets_of_a_program():
    fields = {"channels": [8, 16], "learning_rate": 0.10857059806585312}
    assert pretraining.words(fields) == "channels 8 16, learning rate 0.1086"
