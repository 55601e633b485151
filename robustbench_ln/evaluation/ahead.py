"""Make the next noisy images while a GPU computes on the present ones."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

_Item = TypeVar("_Item")


def ahead(items: Iterator[_Item], device: torch.device) -> Iterator[_Item]:
    """Yield items, each made while the one before it is used; on a CPU, which has better to do, in turn.

    Args:
        items: what takes time to make.
        device: where they are used.
    """
    if device.type == "cpu":
        yield from items
        return
    end = object()
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = thread.submit(next, items, end)
            yield item  # type: ignore[misc]
