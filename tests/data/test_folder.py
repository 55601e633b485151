"""A folder of images: what is decoded to which pixels, what is refused, and when it is decoded again."""

import io
import os

import numpy as np
import pytest
from PIL import Image

from robustbench_ln import LnbenchError
from robustbench_ln.data import folder as folder_module
from robustbench_ln.data.open import open_data

GREY = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
COLOUR = np.stack([GREY, 255 - GREY, GREY // 2], axis=2)


def encoded(pixels, mode=None, kind="PNG"):
    stream = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    (image if mode is None else image.convert(mode)).save(stream, kind)
    return stream.getvalue()


def folder_of(root, files):
    """Write files by path; two grey images a class and split come with them."""
    plain = {
        f"{split}/{name}/{number}.png": encoded(GREY + number + 5 * (name == "dog") + 10 * (split == "test"))
        for split in ("train", "test")
        for name in ("cat", "dog")
        for number in (0, 1)
    }
    for path, content in {**plain, **files}.items():
        if content is not None:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
    return root


def opened(root, cache=None, **options):
    return open_data(f"folder:{root}", root.parent / "cache" if cache is None else cache, **options)


def test_grey_images_are_decoded_to_one_channel_by_class_then_name(tmp_path):
    data = opened(folder_of(tmp_path / "set", {}))
    assert data.info.shape == (1, 3, 4)
    assert data.info.classes == ("cat", "dog")
    for split, offset in (("train", 0), ("test", 10)):
        arrays = data.arrays(split)
        assert arrays.labels.tolist() == [0, 0, 1, 1]
        expected = np.stack([GREY + offset + more for more in (0, 1, 5, 6)])[:, None]
        assert np.array_equal(arrays.images, expected)
        assert data.info.splits[split].minimum == (int(expected.min()),)
        assert data.info.splits[split].maximum == (int(expected.max()),)


def test_one_colour_image_makes_all_images_rgb(tmp_path):
    data = opened(folder_of(tmp_path / "set", {"test/dog/2.png": encoded(COLOUR)}))
    assert data.info.shape == (3, 3, 4)
    assert np.array_equal(data.arrays("test").images[-1], COLOUR.transpose(2, 0, 1))
    for channel in range(3):
        assert np.array_equal(data.arrays("train").images[0, channel], GREY)


@pytest.mark.parametrize(
    ("content", "channels", "pixels"),
    [
        (encoded(COLOUR, kind="BMP"), 3, COLOUR),
        (encoded(COLOUR, kind="TIFF"), 3, COLOUR),
        (encoded(COLOUR, "RGBA"), 3, COLOUR),
        (encoded(GREY, "LA"), 3, np.stack([GREY] * 3, axis=2)),
        (encoded(Image.fromarray(GREY > 100)), 1, (GREY > 100) * np.uint8(255)),
        (encoded(GREY, kind="PPM"), 1, GREY),
        (encoded(GREY, kind="GIF"), 3, np.stack([GREY] * 3, axis=2)),
    ],
    ids=["bmp", "tiff", "alpha", "grey-alpha", "two-level", "pgm", "palette"],
)
def test_lossless_formats_keep_their_pixels(content, channels, pixels, tmp_path):
    data = opened(folder_of(tmp_path / "set", {"train/dog/2.x": content}))
    assert data.info.shape[0] == channels
    decoded = data.arrays("train").images[-1]
    assert np.array_equal(decoded, pixels[None] if channels == 1 else pixels.transpose(2, 0, 1))


def test_sixteen_bit_grey_is_scaled_and_not_cut_off_at_255(tmp_path):
    deep = np.arange(12, dtype=np.uint16).reshape(3, 4) * 5461
    try:
        data = opened(folder_of(tmp_path / "set", {"train/dog/2.png": encoded(deep)}))
    except LnbenchError as error:
        assert "2.png" in str(error)  # refusing such images would be as good
        return
    decoded = data.arrays("train").images[-1].astype(int)
    assert np.abs(decoded[0] - deep / 257).max() <= 1


def pgm(pixels):
    """Return a binary PGM of 16 bits, which Pillow does not write."""
    height, width = pixels.shape
    return f"P5 {width} {height} 65535\n".encode() + pixels.astype(">u2").tobytes()


def test_a_pgm_of_sixteen_bits_is_scaled_and_grey(tmp_path):
    deep = np.arange(12, dtype=np.uint16).reshape(3, 4) * 5461
    data = opened(folder_of(tmp_path / "set", {"train/dog/2.pgm": pgm(deep)}))
    assert data.info.shape == (1, 3, 4)
    assert np.abs(data.arrays("train").images[-1][0].astype(int) - deep / 257).max() <= 0.5


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_values_of_thirty_two_bits_are_refused_by_name(dtype, tmp_path):
    files = {"train/dog/2.tiff": encoded(Image.fromarray(GREY.astype(dtype)), kind="TIFF")}
    with pytest.raises(LnbenchError, match=r"2\.tiff' cannot be read: its values have 32 bits"):
        opened(folder_of(tmp_path / "set", files))


@pytest.mark.parametrize("link", ["train/self", "train/cat/x.png"])
def test_a_link_to_itself_is_named(link, tmp_path):
    root = folder_of(tmp_path / "set", {})
    (root / link).symlink_to((root / link).name)
    with pytest.raises(LnbenchError, match=f"cannot be read.*{link.rpartition('/')[2]}"):
        opened(root)


def test_sorting_is_by_name_and_hidden_files_are_left_out(tmp_path):
    hidden = {"train/cat/.DS_Store": b"x", "train/.git/a.png": b"x", "train/notes.txt": b"x", ".hidden": b"x"}
    files = {"train/cat/10.png": encoded(GREY + 100), "train/cat/9.png": encoded(GREY + 101), **hidden}
    data = opened(folder_of(tmp_path / "set", files))
    assert data.info.classes == ("cat", "dog")
    firsts = data.arrays("train").images[:, 0, 0, 0].tolist()
    assert firsts == [0, 1, 100, 101, 5, 6]  # 0.png 1.png 10.png 9.png, then dog's


@pytest.mark.parametrize("image_size", [1, 3, 7])
def test_a_size_brings_every_image_to_a_square_and_is_noted(image_size, tmp_path):
    wide, tall = np.zeros((6, 12, 3), np.uint8), np.zeros((9, 6, 3), np.uint8)
    root = folder_of(tmp_path / "set", {"train/cat/w.png": encoded(wide), "test/dog/t.png": encoded(tall)})
    data = opened(root, image_size=image_size)
    assert data.info.shape == (3, image_size, image_size)
    assert f"{image_size}x{image_size}" in data.info.note


def test_a_size_crops_the_centre_of_the_longer_side(tmp_path):
    wide = np.zeros((4, 12), np.uint8)
    wide[:, 4:8] = 200  # the middle third alone is bright
    data = opened(folder_of(tmp_path / "set", {"train/cat/w.png": encoded(wide)}), image_size=4)
    assert (data.arrays("train").images[2] == 200).all()


def test_images_that_have_the_size_keep_their_pixels(tmp_path):
    square = np.arange(16, dtype=np.uint8).reshape(4, 4)
    data = opened(folder_of(tmp_path / "set", {"train/cat/s.png": encoded(square)}), image_size=4)
    assert np.array_equal(data.arrays("train").images[2, 0], square)


def test_without_a_size_no_image_is_resized_and_nothing_is_noted(tmp_path):
    assert opened(folder_of(tmp_path / "set", {})).info.note == ""


@pytest.mark.parametrize("image_size", [0, -3])
def test_a_size_without_pixels_is_an_error(image_size, tmp_path):
    with pytest.raises(LnbenchError):
        opened(folder_of(tmp_path / "set", {}), image_size=image_size)


def test_different_sizes_are_an_error_that_names_both_images_and_the_option(tmp_path):
    root = folder_of(tmp_path / "set", {"test/dog/odd.png": encoded(np.zeros((5, 7), np.uint8))})
    with pytest.raises(LnbenchError) as caught:
        opened(root)
    for part in ("odd.png", "7x5", "0.png", "4x3", "--image-size"):
        assert part in str(caught.value)


PNG, JPEG = encoded(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)), None
JPEG = encoded(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8), kind="JPEG")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x89",
        b"not an image",
        b"<svg/>",
        PNG[:8],
        PNG[:20],
        PNG[:40],
        PNG[: len(PNG) // 2],
        PNG[:200] + b"\xff" + PNG[201:],
        JPEG[:300],
        JPEG[: len(JPEG) // 2],
        b"P6 4 2x 255 ",
        b"P6 4 3 255 " + bytes(20),
        b"qoif" + bytes([0, 0, 0, 4, 0, 0, 0, 3, 3, 0, 1]),
    ],
    ids=lambda content: f"{len(content)}-bytes-{content[:1].hex()}",
)
@pytest.mark.parametrize("place", ["train/cat/0.png", "test/dog/broken.jpg"])
def test_an_image_that_cannot_be_read_is_named(place, content, tmp_path):
    root = folder_of(tmp_path / "set", {place: content})
    with pytest.raises(LnbenchError, match=place.split("/")[-1]):
        opened(root, image_size=8)


def test_an_error_leaves_no_half_decoded_data_behind(tmp_path):
    root = folder_of(tmp_path / "set", {"test/dog/broken.png": b"x"})
    with pytest.raises(LnbenchError):
        opened(root)
    (root / "test/dog/broken.png").unlink()
    assert opened(root).info.splits["test"].images == 4
    decoded = tmp_path / "cache" / "decoded"
    assert len(list(decoded.iterdir())) == 1


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (lambda root: None, "does not exist"),
        (lambda root: root.write_text("a file"), "set"),
        (lambda root: root.mkdir(), "has no classes"),
        (lambda root: (root / "train/cat").mkdir(parents=True), "'test'"),
        (lambda root: (folder_of(root, {}), (root / "train/horse").mkdir()), "'horse'"),
        (lambda root: (folder_of(root, {}), (root / "test/ant").mkdir()), "'ant'"),
        (lambda root: folder_of(root, {"train/dog/0.png": None, "train/dog/1.png": None}), "dog"),
        (
            lambda root: [(root / split / "cat").mkdir(parents=True) for split in ("train", "test")],
            "has the class 'cat' alone",
        ),
        (lambda root: [(root / split).mkdir(parents=True) for split in ("train", "test")], "has no classes"),
        (
            lambda root: (
                folder_of(root, {}),
                [(root / split / "eel").mkdir() for split in ("train", "test")],
            ),
            "eel.*no image",
        ),
    ],
    ids=[
        "missing",
        "file",
        "nothing",
        "no test",
        "train only",
        "test only",
        "no dog",
        "one",
        "none",
        "empty",
    ],
)
def test_a_folder_of_another_layout_is_an_error_that_says_what_is_wrong(make, part, tmp_path):
    make(tmp_path / "set")
    with pytest.raises(LnbenchError, match=part) as caught:
        opened(tmp_path / "set")
    assert "set" in str(caught.value)
    assert "train/<class>" in str(caught.value)


@pytest.mark.parametrize("place", ["test/", ""], ids=["test alone", "classes alone"])
def test_without_a_train_half_all_images_are_test_images_and_nothing_is_trained_on_them(place, tmp_path):
    whole = opened(folder_of(tmp_path / "whole", {}), tmp_path / "cache")
    for path in sorted((tmp_path / "whole" / "test").glob("*/*")):
        file = tmp_path / "set" / place / path.relative_to(tmp_path / "whole" / "test")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(path.read_bytes())
    data = opened(tmp_path / "set")
    assert data.info.classes == whole.info.classes
    assert data.info.splits["test"] == whole.info.splits["test"]
    assert data.arrays("train").images.shape == (0, *data.info.shape)
    assert data.info.splits["train"].images == 0
    with pytest.raises(LnbenchError, match="'folder:set' has no training images, and it is to be trained"):
        data.check_train("it is to be trained")
    whole.check_train("it is to be trained")


def test_the_second_opening_decodes_nothing(tmp_path, monkeypatch):
    root = folder_of(tmp_path / "set", {})
    first = opened(root)
    monkeypatch.setattr(folder_module, "decode", lambda *_: pytest.fail("decoded again"))
    assert opened(root).info == first.info


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "test/dog/1.png").write_bytes(encoded(GREY + 77)),
        lambda root: (root / "test/dog/2.png").write_bytes(encoded(GREY + 77)),
        lambda root: (root / "test/dog/1.png").unlink(),
        lambda root: (root / "test/dog/1.png").rename(root / "test/dog/7.png"),
        lambda root: (root / "test/dog/1.png").rename(root / "test/cat/7.png"),
        lambda root: os.utime(root / "test/dog/1.png", ns=(1, 1)),
    ],
    ids=["rewritten", "added", "removed", "renamed", "moved", "touched"],
)
def test_a_changed_file_is_decoded_anew(change, tmp_path):
    root = folder_of(tmp_path / "set", {})
    before = opened(root)
    change(root)
    after = opened(root)
    assert after.folder != before.folder
    listed = [
        (number, np.asarray(Image.open(path)))
        for number, name in enumerate(("cat", "dog"))
        for path in sorted((root / "test" / name).iterdir())
    ]
    assert after.arrays("test").labels.tolist() == [number for number, _ in listed]
    assert np.array_equal(after.arrays("test").images[:, 0], np.stack([pixels for _, pixels in listed]))


def test_another_size_is_decoded_anew(tmp_path):
    root = folder_of(tmp_path / "set", {})
    shapes = [opened(root, image_size=size).info.shape for size in (None, 2, 3, 2)]
    assert shapes == [(1, 3, 4), (1, 2, 2), (1, 3, 3), (1, 2, 2)]


def test_another_folder_with_files_of_the_same_names_sizes_and_times_is_decoded_for_itself(tmp_path):
    # Uncompressed images unpacked from an archive without times: only the pixels differ.
    values = []
    for name, value in (("clean", 10), ("dark", 99)):
        root = tmp_path / name
        for split in ("train", "test"):
            for label in ("a", "b"):
                (root / split / label).mkdir(parents=True)
                path = root / split / label / "0.bmp"
                path.write_bytes(encoded(np.full((3, 4), value, np.uint8), kind="BMP"))
                os.utime(path, ns=(0, 0))
        values.append(int(opened(root, tmp_path / "cache").arrays("test").images[0, 0, 0, 0]))
    assert values == [10, 99]


def test_equal_content_has_an_equal_checksum_wherever_it_lies(tmp_path):
    one, other = (opened(folder_of(tmp_path / name, {}), tmp_path / f"{name}-cache") for name in ("x", "y"))
    assert one.info.splits == other.info.splits
    assert (one.info.name, other.info.name) == ("folder:x", "folder:y")
    changed = opened(folder_of(tmp_path / "z", {"train/cat/0.png": encoded(GREY + 1)}), tmp_path / "z-cache")
    assert changed.info.splits["train"].checksum != one.info.splits["train"].checksum
    assert changed.info.splits["test"].checksum == one.info.splits["test"].checksum


def test_a_data_set_is_called_by_its_folder_s_own_name_wherever_it_lies_and_is_decoded_under_a_new_name(
    tmp_path,
):
    first = opened(folder_of(tmp_path / "set", {}))
    assert first.info.name == first.identity("test", None)["name"] == "folder:set"
    assert opened(tmp_path / "set" / ".." / "set", tmp_path / "cache").folder == first.folder
    (tmp_path / "set").rename(tmp_path / "renamed")
    second = opened(tmp_path / "renamed")
    assert second.info.name == "folder:renamed"
    assert second.info.splits == first.info.splits


def test_what_takes_long_is_told_before_it_is_done_and_not_when_nothing_is_to_do(tmp_path):
    root, notes = folder_of(tmp_path / "set", {}), []
    for _ in range(2):
        opened(root, on_note=notes.append)
    assert len(notes) == 1
    assert str(root) in notes[0]


def test_pixels_on_disk_are_a_plain_npy_file(tmp_path):
    folder = opened(folder_of(tmp_path / "set", {})).folder
    images = np.load(folder / "train_images.npy")
    stream = io.BytesIO()
    np.save(stream, images)
    assert stream.getvalue() == (folder / "train_images.npy").read_bytes()


def test_opening_prints_nothing(tmp_path, capsys):
    opened(folder_of(tmp_path / "set", {}))
    assert capsys.readouterr() == ("", "")


def test_nothing_is_written_into_the_folder_of_images(tmp_path):
    root = folder_of(tmp_path / "set", {})
    before = sorted(root.rglob("*"))
    opened(root)
    assert sorted(root.rglob("*")) == before


@pytest.mark.parametrize("limit", [5, 11])
def test_an_image_of_too_many_pixels_is_named_before_it_is_decoded(tmp_path, monkeypatch, limit):
    """Pillow refuses more than twice its limit, and only warns of what lies between."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(LnbenchError, match=r"cat/0\.png' cannot be read: Image size \(12 pixels\)"):
        opened(folder_of(tmp_path / "data", {}))


def test_unreadable_images_are_left_out_counted_and_named_where_that_is_asked_for(tmp_path):
    whole = encoded(COLOUR, kind="JPEG")
    broken = {
        "train/cat/2.png": b"",
        "train/dog/9.jpg": whole[: len(whole) // 2],
        "test/dog/text.png": b"no image",
    }
    root = folder_of(tmp_path / "data", broken)
    with pytest.raises(LnbenchError, match="cannot be read"):
        opened(root)
    notes = []
    data = opened(root, skip_unreadable=True, on_note=notes.append)
    plain = opened(folder_of(tmp_path / "plain", {}))
    for split in ("train", "test"):
        assert np.array_equal(data.arrays(split).images, plain.arrays(split).images)
        assert np.array_equal(data.arrays(split).labels, plain.arrays(split).labels)
    assert "3 unreadable images left out" in data.info.note
    assert all(path in data.info.note for path in broken)
    assert any("3 unreadable images left out" in note for note in notes)
    again = []
    assert opened(root, skip_unreadable=True, on_note=again.append).folder == data.folder
    assert again, "it is said each time, not only when the images are decoded"


def test_a_class_without_any_readable_image_is_an_error(tmp_path):
    root = folder_of(tmp_path / "data", {"test/cat/0.png": b"", "test/cat/1.png": b"x"})
    with pytest.raises(LnbenchError, match="No image of class 'cat' in 'test'"):
        opened(root, skip_unreadable=True)


def test_only_folders_have_unreadable_images(tmp_path):
    with pytest.raises(LnbenchError, match="folders of images"):
        open_data("digits", tmp_path, skip_unreadable=True)


def test_a_folder_whose_name_is_no_text_has_one_that_records_can_hold(tmp_path):
    root = tmp_path / "shapes\udcff"
    for name in ("a", "b"):
        (root / name).mkdir(parents=True)
        Image.new("L", (8, 8)).save(root / name / "1.png")
    assert open_data(f"folder:{root}", tmp_path / "data").info.name == "folder:shapes?"
