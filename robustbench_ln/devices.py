"""Where networks are computed: on the CPU or on a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, get_args

from robustbench_ln.errors import LnbenchError, UnknownNameError

if TYPE_CHECKING:
    import torch

DeviceName = Literal["auto", "cpu", "cuda"]


def check_device(name: str) -> str:
    """Return a name that `choose_device` knows; torch is not imported.

    Raises:
        UnknownNameError: an unknown name.
    """
    if name not in get_args(DeviceName):
        raise UnknownNameError("device", name, get_args(DeviceName))
    return name


def choose_device(name: str) -> torch.device:
    """Return the device of a name; "auto" takes a GPU where there is one.

    Raises:
        UnknownNameError: an unknown name.
        LnbenchError: no GPU can be used.
    """
    import torch

    check_device(name)
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise LnbenchError("PyTorch finds no GPU on this machine.", "Use --device cpu.")
    return torch.device("cuda" if there and name != "cpu" else "cpu")


def device_label(device: torch.device) -> str:
    """Return a device's name for records: "cpu", or the GPU's model."""
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


@contextmanager
def full_precision() -> Iterator[None]:
    """Compute single precision as such: a GPU otherwise rounds the factors of products to TF32."""
    import torch

    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


@contextmanager
def memory_checked() -> Iterator[None]:
    """Name memory that is used up within the context, on a GPU or here.

    Raises:
        LnbenchError: memory is used up.
    """
    import torch

    try:
        yield
    except (MemoryError, RuntimeError) as error:
        spent = isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(
            error
        )
        if not spent:
            raise
        raise LnbenchError(
            f"Memory is used up: {str(error).splitlines()[0] if str(error) else 'an allocation failed'}.",
            "Use fewer --workers, or a smaller batch_size in the benchmark.",
        ) from error
