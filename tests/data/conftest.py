"""Prepared records: ours for the whole session, and those of TFDS without network."""

import io

import numpy as np
import pytest

from lec7 import data


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A data folder that holds the digits."""
    path = tmp_path_factory.mktemp("records")
    data.load("digits", data_dir=path)
    return path


@pytest.fixture
def prepare_stock(monkeypatch, tmp_path):
    """Write records of a data set of TFDS: its own features, examples of ours."""
    import tensorflow_datasets as tfds

    def prepare(name, splits):
        builder = tfds.builder(name, data_dir=tmp_path)
        monkeypatch.setattr(
            type(builder), "_split_generators", lambda self, manager: splits
        )
        builder.download_and_prepare(file_format="array_record")
        return tmp_path

    return prepare


@pytest.fixture
def png():
    """Array of bytes [H, W, C] -> the bytes of a PNG file."""
    from PIL import Image

    def encode(pixels):
        file = io.BytesIO()
        Image.fromarray(np.squeeze(pixels)).save(file, "PNG")
        return file.getvalue()

    return encode
