"""MNIST and CIFAR-10 from files that the tests write in torchvision's layout; the network is never asked."""

import pickle
import socket
import struct
import sys
import time
from urllib.error import URLError

import numpy as np
import pytest
from torchvision.datasets import cifar, mnist

from robustbench_ln import LnbenchError
from robustbench_ln.data import torchvision_sets
from robustbench_ln.data.data_dir import default_data_dir
from robustbench_ln.data.open import open_data

COUNTS = {"train": 12, "t10k": 5}


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Let every download fail at once, and every attempt at another way out fail the test."""

    def refuse(*arguments, **options):
        raise URLError("no network in tests")

    monkeypatch.setattr(mnist, "download_and_extract_archive", refuse)
    monkeypatch.setattr(cifar, "download_and_extract_archive", refuse)
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a test asked the network"))


def idx(array, kind=8):
    """Encode an array as an IDX file: two zeros, type, axes, lengths, bytes."""
    return (
        struct.pack(">BBBB", 0, 0, kind, array.ndim)
        + struct.pack(f">{array.ndim}I", *array.shape)
        + array.astype(np.uint8).tobytes()
    )


def mnist_arrays():
    generator = np.random.default_rng(0)
    return {
        split: (generator.integers(0, 256, (count, 28, 28)), generator.integers(0, 10, count))
        for split, count in COUNTS.items()
    }


def write_mnist(root, **changed):
    """Write the four files; `changed` gives a function of a file's bytes, or None to leave the file out."""
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for split, (images, labels) in mnist_arrays().items():
        for name, array in ((f"{split}-images-idx3-ubyte", images), (f"{split}-labels-idx1-ubyte", labels)):
            change = changed.get("_".join(name.split("-")[:2]), lambda content: content)
            if change is not None:
                (raw / name).write_bytes(change(idx(array)))
    return root


def write_cifar(root):
    """Write CIFAR-10's seven pickles, two images in each of the six batches."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    generator = np.random.default_rng(1)
    content = {}
    for name in [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]:
        images, labels = generator.integers(0, 256, (2, 3, 32, 32), np.uint8), generator.integers(0, 10, 2)
        content[name] = (images, labels)
        (folder / name).write_bytes(
            pickle.dumps({"data": images.reshape(2, 3072), "labels": labels.tolist()})
        )
    names = [f"class {number}" for number in range(10)]
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": names}))
    return content


def test_mnist_s_files_are_read_bit_by_bit(tmp_path):
    data = open_data("mnist", write_mnist(tmp_path))
    assert data.info.name == "mnist"
    assert data.info.shape == (1, 28, 28)
    assert data.info.classes == tuple("0123456789")
    for split, prefix in (("train", "train"), ("test", "t10k")):
        images, labels = mnist_arrays()[prefix]
        arrays = data.arrays(split)
        assert arrays.images.dtype == np.uint8
        assert arrays.labels.dtype == np.int64
        assert np.array_equal(arrays.images[:, 0], images)
        assert np.array_equal(arrays.labels, labels)
        assert data.info.splits[split].images == COUNTS[prefix]


def test_cifar_s_files_are_read_channel_by_channel(tmp_path, monkeypatch):
    monkeypatch.setattr(
        cifar, "check_integrity", lambda *_: True
    )  # the tiny files are not the published ones
    content = write_cifar(tmp_path)
    data = open_data("cifar10", tmp_path)
    assert data.info.shape == (3, 32, 32)
    assert data.info.classes == tuple(f"class {number}" for number in range(10))
    train = [content[f"data_batch_{number}"] for number in range(1, 6)]
    for split, parts in (("train", train), ("test", [content["test_batch"]])):
        arrays = data.arrays(split)
        assert np.array_equal(arrays.images, np.concatenate([images for images, _ in parts]))
        assert np.array_equal(arrays.labels, np.concatenate([labels for _, labels in parts]))


def test_cifar_files_with_another_checksum_are_not_read(tmp_path):
    write_cifar(tmp_path)
    with pytest.raises(LnbenchError, match="cifar10"):
        open_data("cifar10", tmp_path)


def test_the_second_opening_decodes_nothing(tmp_path, monkeypatch):
    first = open_data("mnist", write_mnist(tmp_path))
    monkeypatch.setattr(torchvision_sets, "decode", lambda *_: pytest.fail("decoded again"))
    assert open_data("mnist", tmp_path).info == first.info


def test_changed_files_are_decoded_anew(tmp_path):
    first = open_data("mnist", write_mnist(tmp_path))
    path = tmp_path / "MNIST/raw/t10k-labels-idx1-ubyte"
    labels = (mnist_arrays()["t10k"][1] + 1) % 10
    path.write_bytes(idx(labels))
    again = open_data("mnist", tmp_path)
    assert again.arrays("test").labels.tolist() == labels.tolist()
    assert again.info.splits["test"].checksum != first.info.splits["test"].checksum
    assert again.info.splits["train"] == first.info.splits["train"]


@pytest.mark.parametrize(("name", "folder"), [("mnist", "MNIST/raw"), ("cifar10", "cifar-10-batches-py")])
def test_data_that_are_missing_without_a_network_are_an_error_that_says_where_to_put_them(
    name, folder, tmp_path
):
    started = time.perf_counter()
    with pytest.raises(LnbenchError) as caught:
        open_data(name, tmp_path / "new")
    assert time.perf_counter() - started < 5
    for part in (name, "cannot be downloaded", str(tmp_path / "new" / folder), "--data-dir"):
        assert part in str(caught.value)


def test_the_reason_that_a_download_failed_for_is_told(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cifar, "download_and_extract_archive", refuse)
    with pytest.raises(LnbenchError, match="No space left"):
        open_data("cifar10", tmp_path)


@pytest.mark.parametrize("missing", ["train_images", "train_labels", "t10k_images", "t10k_labels"])
def test_a_missing_file_is_an_error(missing, tmp_path):
    write_mnist(tmp_path, **{missing: None})
    with pytest.raises(LnbenchError, match="not complete"):
        open_data("mnist", tmp_path)
    assert not list((tmp_path / "decoded").glob("*")), "something was published"


DAMAGES = {
    **{f"cut at {size}": lambda content, size=size: content[:size] for size in (0, 1, 3, 4, 6, 8, 9, 12)},
    "last byte gone": lambda content: content[:-1],
    "two bytes more": lambda content: content + b"xx",
    "a web page": lambda content: b"<html><body>403 Forbidden</body></html>",
    "zeros": lambda content: bytes(len(content)),
    "still compressed": lambda content: b"\x1f\x8b\x08\x00" + content[4:],
    "more images than bytes": lambda content: content[:4] + b"\xff\xff\xff\xff" + content[8:],
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("place", ["train_images", "t10k_labels"])
def test_a_damaged_file_is_an_error_that_names_its_folder(place, damage, tmp_path):
    write_mnist(tmp_path, **{place: DAMAGES[damage]})
    with pytest.raises(LnbenchError) as caught:
        open_data("mnist", tmp_path)
    assert str(tmp_path / "MNIST" / "raw") in str(caught.value)


def test_a_damaged_file_is_an_error_with_a_reason(tmp_path):
    write_mnist(tmp_path, train_images=DAMAGES["a web page"])
    with pytest.raises(LnbenchError) as caught:
        open_data("mnist", tmp_path)
    assert ": ." not in str(caught.value), "the reason is empty"


def test_a_truncated_file_is_not_blamed_on_the_network(tmp_path):
    write_mnist(tmp_path, train_images=lambda content: content[:-100])
    with pytest.raises(LnbenchError) as caught:
        open_data("mnist", tmp_path)
    assert "download" not in caught.value.message


@pytest.mark.parametrize("count", [9, 15])
def test_other_numbers_of_images_and_labels_are_an_error(count, tmp_path):
    write_mnist(tmp_path, train_labels=lambda content: idx(np.arange(count) % 10))
    with pytest.raises(LnbenchError):
        open_data("mnist", tmp_path)


def test_a_label_beyond_the_classes_is_an_error(tmp_path):
    write_mnist(tmp_path, train_labels=lambda content: content[:-1] + b"\xc8")
    with pytest.raises(LnbenchError, match="200"):
        open_data("mnist", tmp_path)


def test_stdout_stays_empty_while_data_are_downloaded_and_opened(tmp_path, monkeypatch, capsys):
    def download(url, download_root, **options):
        print("Downloading", url)
        source = (
            write_mnist(tmp_path / "source") if not (tmp_path / "source").exists() else tmp_path / "source"
        )
        name = url.split("/")[-1].removesuffix(".gz")
        content = (source / "MNIST/raw" / name).read_bytes()
        with open(f"{download_root}/{name}", "wb") as file:  # noqa: PTH123
            file.write(content)

    monkeypatch.setattr(mnist, "download_and_extract_archive", download)
    stdout = sys.stdout
    data = open_data("mnist", tmp_path / "new")
    assert data.info.splits["train"].images == COUNTS["train"]
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Downloading" in captured.err
    assert sys.stdout is stdout
    assert open_data("mnist", tmp_path / "new").folder == data.folder


def test_a_size_is_refused_before_anything_is_downloaded(tmp_path):
    with pytest.raises(LnbenchError, match="fixed size"):
        open_data("mnist", tmp_path, image_size=28)


def test_the_place_of_data_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("LNBENCH_DATA", str(tmp_path / "given"))
    assert default_data_dir() == tmp_path / "given"
    monkeypatch.delenv("LNBENCH_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert default_data_dir() == tmp_path / "cache" / "lnbench"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_data_dir() == tmp_path / ".cache" / "lnbench"
