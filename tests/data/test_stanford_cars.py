"""Stanford Cars from tiny files that the tests write in torchvision's layout."""

import os

import numpy as np
import pytest
import scipy.io
from PIL import Image
from torchvision.datasets import StanfordCars

from robustbench_ln import LnbenchError
from robustbench_ln.data import stanford_cars
from robustbench_ln.data.names import takes_image_size
from robustbench_ln.data.open import open_data

ANNOTATIONS = {"train": "devkit/cars_train_annos.mat", "test": "cars_test_annos_withlabels.mat"}
NAMES = ["AM General Hummer SUV 2000", "Acura RL Sedan 2012", "Audi R8 Coupe 2012"]
#: Split -> (file, class from 1, box, width, height).
CARS = {
    "train": [
        ("00002.png", 3, (30, 25, 70, 60), 100, 80),
        ("00001.png", 1, (0, 0, 0, 0), 60, 40),
        ("00003.png", 2, (5, 4, 52, 90), 60, 100),
    ],
    "test": [("00001.png", 2, (1, 1, 40, 40), 40, 40), ("00002.png", 1, (0, 0, 0, 0), 44, 50)],
}
FIELDS = ["bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "class", "fname"]


def photo(width, height, seed):
    """Smooth colours, so that resizing can be compared with a formula."""
    rows, columns = np.mgrid[0:height, 0:width]
    channels = [rows * 2 + seed, columns * 2 + seed, (rows + columns) + seed]
    return np.stack(channels, axis=2).clip(0, 255).astype(np.uint8)


def write_annotations(path, cars, fields=FIELDS):
    path.parent.mkdir(parents=True, exist_ok=True)
    table = np.zeros((1, len(cars)), dtype=[(name, object) for name in fields])
    for position, (file, label, box, *_) in enumerate(cars):
        values = dict(zip(FIELDS, (*map(np.uint8, box), np.uint8(label), file), strict=True))
        for name in fields:
            table[0, position][name] = values[name]
    scipy.io.savemat(path, {"annotations": table})


def write_cars(data_dir, cars=CARS):
    root = data_dir / "stanford_cars"
    for split, entries in cars.items():
        (root / f"cars_{split}").mkdir(parents=True)
        write_annotations(root / ANNOTATIONS[split], entries)
        for number, (file, _, _, width, height) in enumerate(entries):
            Image.fromarray(photo(width, height, number)).save(root / f"cars_{split}" / file)
    names = np.empty((1, len(NAMES)), dtype=object)
    names[0, :] = NAMES
    scipy.io.savemat(root / "devkit/cars_meta.mat", {"class_names": names})
    return data_dir


def changed(split, position, **values):
    """Return CARS with one entry's box or class changed."""
    file, label, box, width, height = CARS[split][position]
    entry = (file, values.get("label", label), values.get("box", box), width, height)
    entries = [entry if number == position else other for number, other in enumerate(CARS[split])]
    return {**CARS, split: entries}


def test_files_order_labels_and_class_names_are_those_that_torchvision_reads(tmp_path):
    data = open_data("stanford-cars", write_cars(tmp_path), image_size=8)
    assert data.info.name == "stanford-cars"
    for split in ("train", "test"):
        theirs = StanfordCars(tmp_path, split)
        assert data.info.classes == tuple(theirs.classes) == tuple(NAMES)
        arrays = data.arrays(split)
        assert arrays.labels.tolist() == [label for _, label in theirs]
        for position, (image, _) in enumerate(theirs):
            if not any(CARS[split][position][2]):
                expected = np.asarray(image.resize((8, 8), Image.Resampling.BILINEAR))
                assert np.array_equal(arrays.images[position], expected.transpose(2, 0, 1))


@pytest.mark.parametrize(
    ("split", "position", "crop"),
    [
        ("train", 0, (14, 9, 86, 76)),  # x1, y1, x2, y2, each 16 px further out
        ("train", 2, (0, 0, 60, 100)),  # the image ends before the margin does; 90 + 16 are no 8 bits
        ("test", 0, (0, 0, 40, 40)),
        ("train", 1, (0, 0, 60, 40)),  # no box
    ],
)
def test_a_car_is_cropped_to_its_box_and_16_pixels_and_resized_to_a_square(split, position, crop, tmp_path):
    data = open_data("stanford-cars", write_cars(tmp_path), image_size=20)
    _, _, _, width, height = CARS[split][position]
    left, top, right, bottom = crop
    # A bilinear resize of a linear ramp is the ramp at the centre of each new pixel, but at the very edge.
    x = left + (np.arange(20) + 0.5) * (right - left) / 20 - 0.5
    y = top + (np.arange(20) + 0.5) * (bottom - top) / 20 - 0.5
    ramps = np.stack([np.tile(2 * y[:, None], 20), np.tile(2 * x, (20, 1)), y[:, None] + x])
    image = data.arrays(split).images[position]
    inner = (slice(None), slice(2, -2), slice(2, -2))
    assert np.abs(image - position - ramps.clip(0, 255))[inner].max() <= 1
    assert right <= width
    assert bottom <= height


def test_the_square_has_224_pixels_unless_another_size_is_asked_for(tmp_path):
    write_cars(tmp_path)
    data = open_data("stanford-cars", tmp_path)
    assert data.info.shape == (3, 224, 224)
    assert data.image_size == 224
    assert open_data("stanford-cars", tmp_path, image_size=224).folder == data.folder
    small = open_data("stanford-cars", tmp_path, image_size=5)
    assert (small.info.shape, small.image_size) == ((3, 5, 5), 5)


def test_the_note_says_what_a_reader_must_know(tmp_path):
    note = open_data("stanford-cars", write_cars(tmp_path), image_size=45).info.note
    for part in ("box + 16 px", "2 of 5 images have no box", "45x45", "3 of 5 images were smaller", "split"):
        assert part in note


def test_without_any_box_nothing_is_said_to_be_cropped_and_with_all_boxes_none_is_missing(tmp_path):
    for name, box, wanted, unwanted in (
        ("whole", (0, 0, 0, 0), "not cropped; 5 of 5", "16 px"),
        ("boxes", (3, 3, 30, 30), "16 px", "no box"),
    ):
        cars = {split: [(*car[:2], box, *car[3:]) for car in entries] for split, entries in CARS.items()}
        note = open_data("stanford-cars", write_cars(tmp_path / name, cars), image_size=8).info.note
        assert wanted in note
        assert unwanted not in note


def test_grey_photographs_become_rgb(tmp_path):
    write_cars(tmp_path)
    grey = np.full((50, 50), 77, np.uint8)
    Image.fromarray(grey).save(tmp_path / "stanford_cars/cars_test/00002.png")
    assert (open_data("stanford-cars", tmp_path, image_size=8).arrays("test").images[1] == 77).all()


@pytest.mark.parametrize(
    "missing",
    ["", "cars_train", "cars_test", "devkit/cars_meta.mat", *ANNOTATIONS.values()],
    ids=lambda name: name or "everything",
)
def test_missing_files_are_named_and_told_where_to_go(missing, tmp_path):
    if missing:
        write_cars(tmp_path)
        (tmp_path / "stanford_cars" / missing).rename(tmp_path / "elsewhere")
    with pytest.raises(LnbenchError) as caught:
        open_data("stanford-cars", tmp_path)
    assert f"'{missing}" in caught.value.message
    assert str(tmp_path / "stanford_cars") in caught.value.message
    for part in (
        "cars_train/*.jpg",
        "cars_test/*.jpg",
        "devkit/cars_meta.mat",
        "devkit/cars_train_annos.mat",
        "cars_test_annos_withlabels.mat",
        "--data-dir",
        "cannot be downloaded",
    ):
        assert part in caught.value.hint


@pytest.mark.parametrize("content", [None, b"", b"not an image", b"\x89PNG\r\n\x1a\n"])
def test_an_image_that_is_missing_or_broken_is_named_and_nothing_half_done_stays(content, tmp_path):
    path = write_cars(tmp_path) / "stanford_cars/cars_test/00002.png"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LnbenchError) as caught:
        open_data("stanford-cars", tmp_path, image_size=8)
    assert str(path) in caught.value.message
    assert not list((tmp_path / "decoded").glob("*"))
    assert not list((tmp_path / "decoded").glob(".*"))


@pytest.mark.parametrize(
    "box", [(200, 10, 250, 30), (10, 200, 30, 250), (30, 10, 20, 30), (10, 30, 20, 30), (0, 0, 0, 1)]
)
def test_a_box_outside_of_its_image_is_an_error_that_names_both(box, tmp_path):
    write_cars(tmp_path, changed("train", 0, box=box))
    with pytest.raises(LnbenchError, match=r"00002\.png' is 100x80, but its box") as caught:
        open_data("stanford-cars", tmp_path, image_size=8)
    assert f"({box[0]}, {box[1]}) to ({box[2]}, {box[3]})" in caught.value.message


@pytest.mark.parametrize("label", [0, 4])
def test_a_class_without_a_name_is_an_error(label, tmp_path):
    write_cars(tmp_path, changed("train", 1, label=label))
    with pytest.raises(LnbenchError, match=f"{label - 1}.*3 classes"):
        open_data("stanford-cars", tmp_path, image_size=8)


def test_annotations_without_classes_are_an_error_that_names_what_is_missing(tmp_path):
    path = write_cars(tmp_path) / "stanford_cars" / ANNOTATIONS["test"]
    write_annotations(path, CARS["test"], [name for name in FIELDS if name != "class"])
    with pytest.raises(LnbenchError, match="without class") as caught:
        open_data("stanford-cars", tmp_path, image_size=8)
    assert str(path) in caught.value.message


@pytest.mark.parametrize("name", ["devkit/cars_meta.mat", *ANNOTATIONS.values()])
def test_a_damaged_annotation_file_is_an_error_that_names_it(name, tmp_path):
    path = write_cars(tmp_path) / "stanford_cars" / name
    whole = path.read_bytes()
    header = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM"
    cuts = [whole[:size] for size in (0, 3, 64, 127, 128, 135, 150, 200, len(whole) // 2)]
    for content in (*cuts, b"<html>", bytes(len(whole)), header, whole[:140] + b"\xff" * 8 + whole[148:]):
        path.write_bytes(content)
        with pytest.raises(LnbenchError) as caught:
            open_data("stanford-cars", tmp_path, image_size=8)
        assert str(path) in caught.value.message
        assert ": ." not in caught.value.message


def test_a_file_of_something_else_is_an_error_that_says_what_it_lacks(tmp_path):
    path = write_cars(tmp_path) / "stanford_cars" / ANNOTATIONS["train"]
    scipy.io.savemat(path, {"other": np.zeros(3)})
    with pytest.raises(LnbenchError, match="holds no 'annotations'"):
        open_data("stanford-cars", tmp_path, image_size=8)
    scipy.io.savemat(path, {"annotations": np.zeros(3)})
    with pytest.raises(LnbenchError, match="without bbox_x1"):
        open_data("stanford-cars", tmp_path, image_size=8)


def test_one_annotation_alone_is_read(tmp_path):
    write_cars(tmp_path, {**CARS, "test": CARS["test"][:1]})
    assert open_data("stanford-cars", tmp_path, image_size=8).info.splits["test"].images == 1


def test_the_second_opening_decodes_nothing_and_a_changed_file_is_decoded_anew(tmp_path, monkeypatch):
    notes = []
    first = open_data("stanford-cars", write_cars(tmp_path), image_size=8, on_note=notes.append)
    assert len(notes) == 1
    with monkeypatch.context() as patched:
        patched.setattr(stanford_cars, "decode", lambda *_: pytest.fail("decoded again"))
        assert open_data("stanford-cars", tmp_path, image_size=8).info == first.info
    os.utime(tmp_path / "stanford_cars/cars_train/00001.png", ns=(1, 1))
    again = open_data("stanford-cars", tmp_path, image_size=8)
    assert again.folder != first.folder
    assert again.info == first.info


def test_it_is_among_the_sets_that_take_a_size():
    assert all(takes_image_size(spec) for spec in ("stanford-cars", "folder:images"))
    assert not any(takes_image_size(spec) for spec in ("digits", "mnist", "cifar10"))
