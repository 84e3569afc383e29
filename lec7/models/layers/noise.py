"""Whether a pass of a layer that draws noise is noisy."""


def is_sampled(train: bool, sample: bool | None) -> bool:
    """Return whether a pass draws noise: as in `train`, unless `sample` says so.

    `train=False, sample=True` is a Monte-Carlo test pass, of which the caller averages
    several.
    """
    return train if sample is None else sample
