"""The embedded digits: their pixels brought up by hand, and a split that never changes."""

from collections import Counter

import numpy as np
import pytest
from sklearn.datasets import load_digits

from robustbench_ln import LnbenchError
from robustbench_ln.data import digits
from robustbench_ln.data.dataset import DataInfo, limited
from robustbench_ln.data.open import open_data

# Of the arrays of this split; stored models and results name them. Another value means other images.
CHECKSUMS = {"train": "3e9eeec68e2fba099e7f0f1245eb3acf", "test": "c00da192fcb060861ebdc5478513b1bd"}


@pytest.fixture(scope="module")
def decoded():
    return digits.decode()


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    return open_data("digits", tmp_path_factory.mktemp("data"))


def brought_up(small):
    """Bring one 8x8 image of 0..16 to 28x28 of 0..255, pixel by pixel."""
    grey = [[round(value * 255 / 16) for value in row] for row in small.tolist()]
    inside = range(2, 26)
    return bytes(
        grey[(row - 2) // 3][(column - 2) // 3] if row in inside and column in inside else 0
        for row in range(28)
        for column in range(28)
    )


@pytest.fixture(scope="module")
def source():
    """Pixels and label of every digit, in scikit-learn's order."""
    raw = load_digits()
    return [(brought_up(image), int(label)) for image, label in zip(raw.images, raw.target, strict=True)]


def test_every_digit_is_there_once_in_train_or_test_brought_up_pixel_by_pixel(decoded, source):
    found = Counter(
        (image.tobytes(), int(label))
        for split in (decoded.train, decoded.test)
        for image, label in zip(split.images, split.labels, strict=True)
    )
    assert len(source) == 1797
    assert found == Counter(source)


def test_both_splits_keep_the_order_of_the_source(decoded, source):
    place = {pixels: position for position, (pixels, _) in enumerate(source)}
    for split in (decoded.train, decoded.test):
        positions = [place[image.tobytes()] for image in split.images]
        assert positions == sorted(positions)


def test_the_split_has_fixed_sizes_and_both_parts_have_every_class_in_proportion(decoded):
    assert decoded.train.images.shape == (1300, 1, 28, 28)
    assert decoded.test.images.shape == (497, 1, 28, 28)
    assert decoded.classes == tuple("0123456789")
    train, test = (np.bincount(split.labels, minlength=10) for split in (decoded.train, decoded.test))
    shares = (train + test) * 497 / 1797
    assert (np.abs(test - shares) <= 1).all()


def test_types_are_those_of_every_data_set(decoded):
    for split in (decoded.train, decoded.test):
        assert split.images.dtype == np.uint8
        assert split.labels.dtype == np.int64
        assert split.images.flags.c_contiguous
        assert (split.images.min(), split.images.max()) == (0, 255)


def test_the_content_is_pinned_by_its_checksum(opened):
    assert {name: split.checksum for name, split in opened.info.splits.items()} == CHECKSUMS


def test_what_is_opened_is_what_was_decoded(opened, decoded):
    assert opened.info.shape == (1, 28, 28)
    assert opened.info.classes == decoded.classes
    for split in ("train", "test"):
        arrays = opened.arrays(split)
        assert np.array_equal(arrays.images, getattr(decoded, split).images)
        assert np.array_equal(arrays.labels, getattr(decoded, split).labels)
        assert opened.info.splits[split].images == len(arrays.labels)
        assert (opened.info.splits[split].minimum, opened.info.splits[split].maximum) == ((0,), (255,))


def test_images_are_mapped_from_disk_and_cannot_be_written(opened):
    images = opened.arrays("test").images
    assert isinstance(images, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        images[0] = 0


def test_the_second_opening_decodes_nothing(tmp_path, monkeypatch):
    first = open_data("digits", tmp_path)
    monkeypatch.setattr(digits, "decode", lambda: pytest.fail("decoded again"))
    again = open_data("digits", tmp_path)
    assert again.folder == first.folder
    assert again.info == first.info == DataInfo.read(first.folder)


def test_opening_prints_nothing(tmp_path, capsys):
    open_data("digits", tmp_path)
    assert capsys.readouterr() == ("", "")


def test_an_identity_names_a_limit_only_where_it_leaves_images_out(opened):
    whole = opened.identity("test", None)
    assert whole["checksum"] == CHECKSUMS["test"]
    assert opened.identity("test", 497) == opened.identity("test", 10**6) == whole
    assert opened.identity("test", 496) != whole
    assert opened.identity("train", None) != whole


@pytest.mark.parametrize(("limit", "expected"), [(None, 20), (20, 20), (50, 20), (19, 19), (1, 1)])
def test_a_limit_keeps_that_many_ascending_indices(limit, expected):
    indices = limited(20, limit)
    assert len(indices) == len(set(indices.tolist())) == expected
    assert indices.tolist() == sorted(indices.tolist())
    assert set(indices.tolist()) <= set(range(20))


def test_a_limit_is_not_the_first_images():
    # Files often lie sorted by class: the first hundred of a thousand would be of one class.
    assert limited(1000, 100).max() > 900
    assert limited(1000, 6).tolist() == [2, 354, 748, 751, 893, 911]  # stored results rest on the choice


@pytest.mark.parametrize(
    ("spec", "part"),
    [
        ("digit", "'digits'"),
        ("Digits", "'digits'"),
        ("", "digits"),
        ("digits:here", "digits:here"),
        ("mnist:x", "mnist:x"),
        ("imagenet", "mnist"),
        ("folder", "folder:PATH"),
        ("folder:", "folder:PATH"),
    ],
)
def test_a_data_set_that_is_not_known_is_an_error_that_lists_those_that_are(spec, part, tmp_path):
    with pytest.raises(LnbenchError, match=part):
        open_data(spec, tmp_path)


def test_a_size_for_digits_is_an_error(tmp_path):
    with pytest.raises(LnbenchError, match="fixed size"):
        open_data("digits", tmp_path, image_size=32)


@pytest.mark.parametrize("damage", ["", "{", "[]", "{}", '{"name": "digits"}', '{"splits": []}', "null"])
def test_a_damaged_cache_is_an_error_that_says_what_to_remove(damage, tmp_path):
    folder = open_data("digits", tmp_path).folder
    (folder / "info.json").write_text(damage)
    with pytest.raises(LnbenchError) as caught:
        open_data("digits", tmp_path)
    assert str(folder) in str(caught.value)


def test_a_place_that_cannot_be_made_is_an_error_that_names_it(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LnbenchError, match="file"):
        open_data("digits", tmp_path / "file" / "below")


@pytest.mark.parametrize("damage", ["gone", "empty", "cut off"])
@pytest.mark.parametrize("file", ["test_images.npy", "test_labels.npy"])
def test_damaged_arrays_are_a_sentence(file, damage, tmp_path):
    data = open_data("digits", tmp_path)
    path = data.folder / file
    content = path.read_bytes()
    path.unlink()
    if damage != "gone":
        path.write_bytes(content[: len(content) // 2] if damage == "cut off" else b"")
    with pytest.raises(LnbenchError, match=r"Decoded data in .* cannot be read") as error:
        data.arrays("test")
    assert f"rm -r '{data.folder}'" in error.value.hint
