"""Letters and numerals in many fonts, drawn without a network: a TFDS builder.

Each character is drawn by Pillow in one of the twelve DejaVu fonts that ship inside
matplotlib and have all characters, centred, and then moved by a random affine map.

There are 47 classes, those of the balanced EMNIST set: the numerals, the upper-case
letters, and the lower-case letters a b d e f g h n q r t. EMNIST merges the other
fifteen (c i j k l m o p s u v w x y z) with their capitals, whose form they share;
here they are not drawn. Classes 0 to 9 are the numerals.

A config's name says all there is to say: `grey28`, `colour32`, or any other size, and
the number of train images after a dash when it is not 12,000: `grey28-60000`. A
smaller train split is the beginning of a larger one; validation and test have 2,000
images each. The shapes of `colour28` are those of `grey28`. The bytes depend on the
FreeType inside Pillow to the last grey level.

References:
  Cohen et al. 2017, EMNIST, arXiv:1702.05373.
"""

import dataclasses
import functools
import pathlib
import re
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image, ImageDraw, ImageFont

CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"
FONTS = tuple(
    f"DejaVu{face}"
    for face in (
        *("Sans", "Sans-Bold", "Sans-Oblique", "Sans-BoldOblique"),
        *("SansMono", "SansMono-Bold", "SansMono-Oblique", "SansMono-BoldOblique"),
        *("Serif", "Serif-Bold", "Serif-Italic", "Serif-BoldItalic"),
    )
)

EM = 0.75  # font size, in image sizes
ROTATION = np.deg2rad(15)  # largest angle, either way
SHEAR = 0.25  # largest horizontal shift per height
STRETCH = 0.2  # largest log of the scale, for each axis
SHIFT = 0.08  # largest shift along each axis, in image sizes
OVERSAMPLING = 2  # drawn this much larger, then averaged


@dataclasses.dataclass(eq=False)
class GlyphsConfig(tfds.core.BuilderConfig):
    """What distinguishes one set of glyphs from another."""

    size: int = 28
    """Height and width, pixels."""
    colour: bool = False
    """Three channels, random ink on random paper, instead of white on black."""
    train: int = 12_000
    """Images in the train split."""


def parse(name: str) -> GlyphsConfig | None:
    """Return the config that a name describes, or None if it describes none.

    Args:
      name: such as `grey28` or `colour32-60000`.

    Returns:
      A config of that name.

    Example:
      >>> config = parse("colour32-60000")
      >>> config.size, config.colour, config.train
      (32, True, 60000)
    """
    found = re.fullmatch(r"(grey|colour)([1-9]\d*)(?:-([1-9]\d*))?", name)
    if not found:
        return None
    paint, size, train = found.groups(default="12000")
    return GlyphsConfig(
        name=name, size=int(size), colour=paint == "colour", train=int(train)
    )


class Glyphs(tfds.core.GeneratorBasedBuilder):
    """Letters and numerals of twelve fonts under random affine maps."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [
        parse(name) for name in ("grey28", "grey32", "colour28", "colour32")
    ]

    @classmethod
    def get_builder_config(
        cls, name: str, version: str | tfds.core.Version | None = None
    ) -> tfds.core.BuilderConfig | None:
        """Return a listed config, or the one that the name describes."""
        return super().get_builder_config(name, version) or parse(name)

    def _info(self) -> tfds.core.DatasetInfo:
        size = self.builder_config.size
        channels = 3 if self.builder_config.colour else 1
        return tfds.core.DatasetInfo(
            builder=self,
            description=__doc__,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Tensor(
                        shape=(size, size, channels), dtype=np.uint8, encoding="bytes"
                    ),
                    "label": tfds.features.ClassLabel(names=list(CHARACTERS)),
                    "font": tfds.features.ClassLabel(names=list(FONTS)),
                }
            ),
            supervised_keys=("image", "label"),
        )

    def _split_generators(self, dl_manager) -> dict[str, Iterator]:
        del dl_manager
        sizes = {"train": self.builder_config.train, "validation": 2000, "test": 2000}
        return {
            name: self._generate_examples(seed, count)
            for seed, (name, count) in enumerate(sizes.items())
        }

    def _generate_examples(self, seed: int, count: int) -> Iterator[tuple[int, dict]]:
        return enumerate(draw(self.builder_config, seed, count))


def draw(config: GlyphsConfig, seed: int, count: int) -> Iterator[dict]:
    """Yield examples; the i-th depends on the seed and on i alone.

    Characters and fonts take turns, so that the first 47 * 12 examples hold each pair
    once.
    """
    # RandomState, because NumPy keeps its numbers as they are for ever.
    numbers = np.random.RandomState(seed).uniform(size=(count, 12))
    maps = affine_maps(2 * numbers[:, :6] - 1, config.size * OVERSAMPLING)
    for i in range(count):
        label = i % len(CHARACTERS)
        font = i // len(CHARACTERS) % len(FONTS)
        drawn = stencil(CHARACTERS[label], FONTS[font], config.size * OVERSAMPLING)
        moved = drawn.transform(
            drawn.size, Image.Transform.AFFINE, maps[i], Image.Resampling.BILINEAR
        )
        ink = np.asarray(moved.reduce(OVERSAMPLING))[..., None]
        image = paint(ink, numbers[i, 6:]) if config.colour else ink
        yield {"image": image, "label": label, "font": font}


@functools.cache
def stencil(character: str, font: str, size: int) -> Image.Image:
    """Return a character, white on black, its bounding box in the centre."""
    import matplotlib

    folder = pathlib.Path(matplotlib.get_data_path(), "fonts", "ttf")
    face = ImageFont.truetype(
        folder / f"{font}.ttf",
        round(EM * size),
        layout_engine=ImageFont.Layout.BASIC,
    )
    left, top, right, bottom = face.getbbox(character)
    image = Image.new("L", (size, size))
    corner = ((size - left - right) / 2, (size - top - bottom) / 2)
    ImageDraw.Draw(image).text(corner, character, fill=255, font=face)
    return image


def affine_maps(numbers: np.ndarray, size: int) -> np.ndarray:
    """Return random affine maps about the centre, in Pillow's form.

    A point p of the drawing goes to A (p - c) + c + shift with A = rotation @ shear @
    stretch. Pillow asks for the inverse: where a point of the result comes from. The
    numbers [N, 6] from -1 to 1 are angle, shear, two stretches, two shifts; a row of
    the result (a, b, c, d, e, f) says x = a X + b Y + c, y = d X + e Y + f.
    """
    angle, shear = ROTATION * numbers[:, 0], SHEAR * numbers[:, 1]
    stretch = np.exp(STRETCH * numbers[:, 2:4])
    cos, sin = np.cos(angle), np.sin(angle)
    rotation = np.stack([cos, -sin, sin, cos], axis=-1).reshape(-1, 2, 2)
    one, zero = np.ones_like(shear), np.zeros_like(shear)
    slant = np.stack([one, shear, zero, one], axis=-1).reshape(-1, 2, 2)
    inverse = np.linalg.inv(rotation @ slant * stretch[:, None, :])
    centre = np.full((len(numbers), 2, 1), size / 2)
    shift = SHIFT * size * numbers[:, 4:, None]
    return np.concatenate(
        [inverse, centre - inverse @ (centre + shift)], axis=-1
    ).reshape(-1, 6)


def paint(ink: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Return an image uint8 [H, W, 1] as random ink on random paper, [H, W, 3].

    The ink differs from the paper by 30 to 70 percent in each channel, modulo one, so
    that every character can be read.
    """
    paper = numbers[:3]
    pen = (paper + 0.3 + 0.4 * numbers[3:]) % 1
    return np.rint(255 * paper + (pen - paper) * ink).astype(np.uint8)
