"""What is made ahead is what would have been made in turn."""

from __future__ import annotations

import threading

import pytest
import torch

from robustbench_ln import evaluate
from robustbench_ln.evaluation import reader
from robustbench_ln.evaluation.ahead import ahead
from tests.sweep.small_networks import MEAN, STD, images_and_labels, network_of

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize("device", [CPU, GPU])
def test_items_come_whole_and_in_order(device):
    assert list(ahead(iter(range(5)), device)) == [0, 1, 2, 3, 4]
    assert list(ahead(iter(()), device)) == []


def test_the_next_item_is_made_while_the_present_one_is_used():
    made = [threading.Event() for _ in range(3)]

    def items():
        for number, event in enumerate(made):
            event.set()
            yield number

    found = ahead(items(), GPU)
    assert next(found) == 0
    assert made[1].wait(10)
    assert not made[2].is_set(), "one ahead, not all of them"
    assert list(found) == [1, 2]


@pytest.mark.parametrize("device", [CPU, GPU])
def test_an_error_comes_where_its_item_would(device):
    def items():
        yield 1
        raise ValueError("broken")

    found = ahead(items(), device)
    assert next(found) == 1
    with pytest.raises(ValueError, match="broken"):
        next(found)


def test_a_stream_that_is_left_early_leaves_no_thread():
    before = threading.active_count()
    found = ahead(iter(range(100)), GPU)
    next(found)
    found.close()
    assert threading.active_count() == before


def test_what_is_made_ahead_gives_the_same_counts(monkeypatch):
    images, labels = images_and_labels(45)

    def counted():
        table = evaluate(
            network_of("localnorm", 4), images, labels,
            noise="agn", sigma="0,1", batch_size=12, mean=MEAN, std=STD,
        )  # fmt: skip
        return table[["mode", "sigma", "correct", "nll"]]

    in_turn = counted()
    monkeypatch.setattr(reader, "ahead", lambda items, device: ahead(items, GPU))
    assert counted().equals(in_turn)
