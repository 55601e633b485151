"""Open a data set by its name: decode it once into the per-user cache, then read it from there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

from robustbench_ln.data import digits, folder, stanford_cars, torchvision_sets
from robustbench_ln.data.dataset import DataInfo, DataSet, Decoded, write_decoded
from robustbench_ln.data.decoded import decoded_root
from robustbench_ln.data.names import check_spec, takes_image_size
from robustbench_ln.errors import LnbenchError
from robustbench_ln.publish import check_writable, publish_directory

#: Raised by one whenever decoding changes, so that old decoded arrays are not read.
_DECODER_VERSION = 1
_ELSEWHERE = "Choose another folder with --data-dir DIR or LNBENCH_DATA."


def check_folder(spec: str, *, train: bool = False) -> None:
    """Make sure that a folder of images is laid out in classes, before work that would be for nothing.

    Args:
        spec: as for `open_data`; of other data sets than folders nothing is checked.
        train: whether training images are needed.

    Raises:
        LnbenchError: a folder that is not there or lacks images.
    """
    name, _, path = spec.partition(":")
    if name == "folder" and path:
        folder.check_layout(Path(path).expanduser().resolve(), train=train)


def open_data(
    spec: str,
    data_dir: Path,
    image_size: int | None = None,
    *,
    skip_unreadable: bool = False,
    on_note: Callable[[str], None] = lambda note: None,
) -> DataSet:
    """Open a data set, decoding it on first use.

    Args:
        spec: "digits", "mnist", "cifar10", "stanford-cars", or "folder:PATH" with `test/<class>/*` and,
            to train on, `train/<class>/*`; or `<class>/*`, all test images.
        data_dir: where downloads and decoded arrays are kept. Decoded arrays go to the default place when
            it cannot be written.
        image_size: bring the images of a folder or of stanford-cars to a square of this size; None leaves a
            folder's images and brings stanford-cars to 224.
        skip_unreadable: leave out images of a folder that cannot be read, in place of an error.
        on_note: told before work that may take minutes, and what was left out.

    Raises:
        LnbenchError: an unknown name, or data that are missing, unreadable or inconsistent.
    """
    name, path = check_spec(spec)
    if image_size is not None and not takes_image_size(spec):
        raise LnbenchError(f"Data set '{name}' has images of a fixed size.", "Leave out --image-size.")
    if skip_unreadable and name != "folder":
        raise LnbenchError(f"--skip-unreadable is for folders of images, not for '{name}'.", "Leave it out.")
    if image_size is not None and image_size < 1:
        raise LnbenchError(f"An image size of {image_size} has no pixels.", "Give 1 or more.")
    decode: Callable[[Path], Decoded]
    if name == "digits":
        fingerprint, decode = digits.fingerprint(), lambda into: digits.decode()
    elif name in ("mnist", "cifar10"):
        found = torchvision_sets.fingerprint(name, data_dir)
        if found is None:
            check_writable(data_dir, _ELSEWHERE)
            torchvision_sets.decode(name, data_dir)  # downloads, or says why not
            found = torchvision_sets.fingerprint(name, data_dir)
        fingerprint, decode = str(found), lambda into: torchvision_sets.decode(name, data_dir)
    elif name == "stanford-cars":
        size = image_size = image_size or stanford_cars.IMAGE_SIZE
        fingerprint = stanford_cars.fingerprint(data_dir, size)
        decode = partial(stanford_cars.decode, data_dir, size)
    else:
        root = Path(path).expanduser().resolve()
        spec = f"folder:{root}"
        fingerprint = folder.fingerprint(root, image_size, skip_unreadable)
        decode = partial(folder.decode, root, image_size, skip_unreadable)
    key = hashlib.blake2b(f"{_DECODER_VERSION} {fingerprint}".encode(), digest_size=6).hexdigest()
    cached = decoded_root(data_dir) / f"{name}-{key}"
    if not cached.is_dir():
        check_writable(cached.parent, _ELSEWHERE)
        if takes_image_size(spec):
            on_note(f"Decoding the images of '{spec}'; this is done once and kept in '{cached}'.")
        publish_directory(cached, lambda hidden: write_decoded(decode(hidden), hidden))
    info = DataInfo.read(cached)
    if skip_unreadable and info.note:
        on_note(f"'{spec}': {info.note}.")
    return DataSet(info, cached, spec, image_size)
