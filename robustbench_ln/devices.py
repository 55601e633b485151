"""Where networks are computed, on the CPU or on a GPU, and in which precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from robustbench_ln.errors import LnbenchError, UnknownNameError
from robustbench_ln.identity import random_seed

if TYPE_CHECKING:
    import numpy.typing as npt
    import torch
    from torch import Tensor, nn

DeviceName = Literal["auto", "cpu", "cuda"]
#: By the name on the command line: what records call it.
DTYPES = {"fp32": "float32", "bf16": "bfloat16"}
#: Of Nvidia, of AMD, and of Windows beneath Linux; without any of them PyTorch finds no GPU.
_DRIVERS = (Path("/dev/nvidiactl"), Path("/dev/kfd"), Path("/dev/dxg"))


@dataclass(frozen=True)
class Dtype:
    """The precision of a network's products.

    Attributes:
        name: "float32", or "bfloat16": autocast, with statistics and weights in float32.
        reason: why it was taken.
    """

    name: str
    reason: str


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

    In worker i of `robustbench_ln.workers` GPU i modulo their number becomes the current one, which "cuda"
    stands for.

    Raises:
        UnknownNameError: an unknown name.
        LnbenchError: no GPU can be used.
    """
    import torch

    from robustbench_ln.workers import worker_number

    check_device(name)
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise LnbenchError("PyTorch finds no GPU on this machine.", "Use --device cpu.")
    if name == "cpu" or not there:
        return torch.device("cpu")
    if (number := worker_number()) is not None:
        torch.cuda.set_device(number % torch.cuda.device_count())
    return torch.device("cuda")


def gpu_count(name: str) -> int:
    """Return how many GPUs this process can use as the device of a name; 0 where that is the CPU.

    Torch, whose import takes seconds, is imported only where "cuda" is asked for or a driver is installed.

    Raises:
        UnknownNameError: an unknown name.
        LnbenchError: no GPU can be used.
    """
    check_device(name)
    if name == "cpu" or (name == "auto" and not any(driver.exists() for driver in _DRIVERS)):
        return 0
    import torch

    return torch.cuda.device_count() if choose_device(name).type == "cuda" else 0


def device_of(network: nn.Module) -> torch.device:
    """Return where a network is; the CPU for one without parameters."""
    import torch

    return next((parameter.device for parameter in network.parameters()), torch.device("cpu"))


def upload(array: npt.NDArray[Any], device: torch.device) -> Tensor:
    """Return an array as a tensor on a device; to a GPU it goes while this process works on."""
    import torch

    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def check_dtype(name: str) -> str:
    """Return a name that `choose_dtype` knows; torch is not imported.

    Raises:
        UnknownNameError: an unknown name.
    """
    if name != "auto" and name not in DTYPES:
        raise UnknownNameError("dtype", name, ("auto", *DTYPES))
    return name


def choose_dtype(name: str, device: str) -> Dtype:
    """Return the precision of a name; "auto" takes bf16 where the device multiplies in it.

    Where it does not, bf16 costs digits and saves little or nothing. torch is imported for "auto" alone.

    Args:
        name: "fp32", "bf16" or "auto".
        device: as `choose_device` takes it.

    Raises:
        UnknownNameError: an unknown name.
        LnbenchError: no GPU can be used.
    """
    check_dtype(name)
    if name != "auto":
        return Dtype(DTYPES[name], "as asked for")
    import torch

    chosen = choose_device(device)
    if chosen.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        # torch 2.11 does not tell.
        known: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
        native = bool(known.get("avx512_bf16") or known.get("amx_bf16") or known.get("bf16"))
    where = "this GPU" if chosen.type == "cuda" else "this CPU"
    return (
        Dtype("bfloat16", f"{where} multiplies in bf16")
        if native
        else Dtype("float32", f"{where} does not multiply in bf16")
    )


@contextmanager
def computing_in(dtype: str, device: torch.device) -> Iterator[None]:
    """Compute products of matrices and convolutions in a precision within the context.

    Args:
        dtype: a value of `DTYPES`.
        device: where.
    """
    import torch

    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype == "bfloat16"):
        yield


def describe(device: torch.device, asked: str) -> str:
    """Return where networks are computed and why, for people.

    Args:
        device: the one that was taken.
        asked: the name that was asked for.
    """
    if asked != "auto":
        reason = "as asked for"
    else:
        reason = "a GPU is there" if device.type == "cuda" else "PyTorch finds no GPU"
    return f"{device_label(device)} ({reason})"


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
def seeded(seed: int, purpose: str, device: torch.device | None = None) -> Iterator[None]:
    """Draw from torch's global generators afresh within the context; afterwards they are as they were.

    Args:
        seed: of the training or the source.
        purpose: names the stream, such as "weights".
        device: also keep the generator of this GPU; None or the CPU for no other.
    """
    import torch

    with torch.random.fork_rng(devices=[device] if device is not None and device.type == "cuda" else []):
        torch.manual_seed(random_seed(seed, purpose))
        yield


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
