"""The hash of weights, by which stored networks are named. It imports torch, as nothing else here does."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor


def weights_hash(state: dict[str, Tensor]) -> str:
    """Return 12 hexadecimal digits over the sorted tensors: names, types, shapes and values."""
    digest = hashlib.blake2b(digest_size=6)
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
