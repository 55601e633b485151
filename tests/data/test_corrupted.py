"""Folders of corrupted images in CIFAR-10-C's layout, made up for the tests."""

import numpy as np
import pytest

from robustbench_ln import LnbenchError
from robustbench_ln.data.corrupted import open_corrupted

COUNT = 12  # images a severity


@pytest.fixture
def folder(tmp_path):
    """Two corruptions of 12 images of 4x3 pixels; a value tells file, severity, image, place and channel."""
    random = np.random.default_rng(0)
    path = tmp_path / "TOY-C"
    path.mkdir()
    for name in ("gaussian_noise", "fog"):
        np.save(path / f"{name}.npy", random.integers(0, 256, (5 * COUNT, 4, 3, 3), dtype=np.uint8))
    np.save(path / "labels.npy", np.tile(np.arange(COUNT) % 7, 5).astype(np.uint8))
    return path


def test_every_file_and_severity_is_a_set_of_the_images_at_its_place_in_the_file(folder):
    found = open_corrupted(folder)
    assert found.corruptions == ("fog", "gaussian_noise")
    assert (found.shape, found.images, found.labels) == ((3, 4, 3), COUNT, 7)
    sets = found.sets()
    assert [(one.corruption, one.severity) for one in sets] == [
        (name, severity) for name in ("fog", "gaussian_noise") for severity in (1, 2, 3, 4, 5)
    ]
    for one in sets:
        raw = np.load(folder / f"{one.corruption}.npy")
        arrays = one.arrays("test")
        assert arrays.images.shape == (COUNT, 3, 4, 3)
        assert arrays.labels.tolist() == [position % 7 for position in range(COUNT)]
        for position in range(COUNT):
            image = raw[(one.severity - 1) * COUNT + position]
            assert np.array_equal(arrays.images[position], np.moveaxis(image, -1, 0))


def test_images_are_mapped_not_read(folder):
    images = open_corrupted(folder).sets()[0].arrays("test").images
    assert isinstance(images, np.memmap)
    assert not images.flags.writeable


def test_files_and_severities_may_be_chosen(folder):
    sets = open_corrupted(folder, ["gaussian_noise"]).sets([5, 2])
    assert [(one.corruption, one.severity) for one in sets] == [("gaussian_noise", 5), ("gaussian_noise", 2)]


def test_an_identity_holds_the_checksum_of_its_own_images_and_of_the_labels_of_all(folder):
    before = {(one.corruption, one.severity): one for one in open_corrupted(folder).sets()}
    identities = [one.identity("test", None) for one in before.values()]
    assert len({identity["images"] for identity in identities}) == 10
    (checksum,) = {identity["checksum"] for identity in identities}
    assert {identity["name"] for identity in identities} == {"corrupted:TOY-C"}
    assert before["fog", 1].identity("test", 5)["limit"] == 5
    assert len({one.place for one in before.values()}) == 10

    images = np.load(folder / "fog.npy")
    images[2 * COUNT, 0, 0, 0] ^= 1  # the first image of severity 3
    np.save(folder / "fog.npy", images)
    after = {(one.corruption, one.severity): one for one in open_corrupted(folder).sets()}
    assert [key for key in before if before[key].images_checksum != after[key].images_checksum] == [
        ("fog", 3)
    ]

    np.save(folder / "labels.npy", np.tile(np.arange(COUNT) % 6, 5))
    assert open_corrupted(folder).checksum != checksum


def test_there_are_no_training_images(folder):
    with pytest.raises(LnbenchError, match="no train images"):
        open_corrupted(folder).sets()[0].arrays("train")


def spoil(name, array):
    def apply(folder):
        np.save(folder / name, array)

    return apply


IMAGES = np.zeros((5 * COUNT, 4, 3, 3), np.uint8)
LABELS = np.tile(np.arange(COUNT), 5)


class Trap:
    """What a pickle would run."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda folder: (folder / "labels.npy").unlink(), "has no labels.npy"),
        (spoil("fog.npy", IMAGES.astype(np.float32)), r"'.*fog.npy' holds float32 of shape \(60, 4, 3, 3\)"),
        (spoil("fog.npy", IMAGES[..., 0]), r"fog.npy' holds uint8 of shape \(60, 4, 3\)"),
        (spoil("fog.npy", IMAGES.transpose(0, 3, 1, 2)[..., :2]), r"fog.npy' holds uint8"),
        (spoil("fog.npy", IMAGES[:-5]), "holds 55 images, but labels.npy has 60 labels"),
        (spoil("fog.npy", np.zeros((5 * COUNT, 8, 8, 3), np.uint8)), r"different shapes: \(8, 8, 3\)"),
        (spoil("fog.npy", np.array([Trap()], dtype=object)), r"fog.npy' is no array that can be read"),
        (spoil("labels.npy", np.array([Trap()], dtype=object)), r"labels.npy' is no array that can be read"),
        (lambda folder: (folder / "fog.npy").write_bytes(b"not an array"), "fog.npy' is no array"),
        (lambda folder: (folder / "fog.npy").write_bytes(b""), "fog.npy' is no array"),
        (lambda folder: (folder / "fog.npy").write_bytes((folder / "fog.npy").read_bytes()[:-9]), "no array"),
        (spoil("labels.npy", LABELS.astype(np.float64)), "labels.npy' holds float64"),
        (spoil("labels.npy", LABELS.reshape(5, -1)), r"labels.npy' holds int64 of shape \(5, 12\)"),
        (spoil("labels.npy", LABELS[:-1]), "59 labels, which are not 5 equal parts"),
        (spoil("labels.npy", LABELS[:0]), "0 labels"),
        (spoil("labels.npy", LABELS - 1), "the label -1"),
        (spoil("labels.npy", np.arange(5 * COUNT)), "do not repeat"),
    ],
)
def test_a_folder_of_another_layout_is_an_error_that_names_the_file(spoil, text, folder):
    spoil(folder)
    with pytest.raises(LnbenchError, match=text) as caught:
        open_corrupted(folder)
    assert "CIFAR-10-C's layout" in caught.value.hint or "one size" in caught.value.hint


def test_a_zip_archive_under_the_name_of_an_array_is_an_error(folder):
    with (folder / "fog.npy").open("wb") as file:
        np.savez(file, IMAGES)
    with pytest.raises(LnbenchError, match="archive of arrays"):
        open_corrupted(folder)


def test_a_missing_folder_file_or_name_is_an_error(folder, tmp_path):
    with pytest.raises(LnbenchError, match=r"no folder '.*nowhere'"):
        open_corrupted(tmp_path / "nowhere")
    with pytest.raises(LnbenchError, match="Did you mean 'fog'"):
        open_corrupted(folder, ["fogg"])
    (folder / "fog.npy").unlink()
    (folder / "gaussian_noise.npy").unlink()
    with pytest.raises(LnbenchError, match="no file of corrupted images"):
        open_corrupted(folder)


def test_a_file_that_is_not_asked_for_may_be_of_any_kind(folder):
    np.save(folder / "other.npy", np.zeros(3))
    assert open_corrupted(folder, ["fog"]).corruptions == ("fog",)
    with pytest.raises(LnbenchError, match=r"other.npy"):
        open_corrupted(folder)
