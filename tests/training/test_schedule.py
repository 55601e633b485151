"""The learning rate at every step, against PyTorch's own schedules."""

import pytest
import torch

from robustbench_ln.benchmarks.training import TrainSettings
from robustbench_ln.training.schedule import learning_rate

STEPS = 7


def settings(**changed) -> TrainSettings:
    return TrainSettings(epochs=12, batch_size=10, learning_rate=0.4, **changed)


def ours(chosen: TrainSettings) -> list[float]:
    return [learning_rate(chosen, step, STEPS) for step in range(chosen.epochs * STEPS)]


def theirs(make, every: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.4)
    scheduler = make(optimizer)
    rates = []
    for step in range(12 * STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if (step + 1) % every == 0 and step + 1 < 12 * STEPS:
            scheduler.step()
    return rates


def test_without_a_schedule_the_rate_stays():
    assert ours(settings()) == [0.4] * 12 * STEPS


def test_decay_is_exponential_epoch_by_epoch():
    expected = theirs(lambda one: torch.optim.lr_scheduler.ExponentialLR(one, 0.9), STEPS)
    assert ours(settings(decay=0.9)) == pytest.approx(expected)


def test_decay_every_few_epochs_is_a_staircase():
    expected = theirs(lambda one: torch.optim.lr_scheduler.StepLR(one, 5, 0.75), STEPS)
    assert ours(settings(decay=0.75, decay_every=5)) == pytest.approx(expected)


def test_milestones_set_the_rate_after_so_many_epochs():
    expected = [0.4] * 3 * STEPS + [0.1] * 4 * STEPS + [0.03] * 5 * STEPS
    assert ours(settings(milestones={7: 0.03, 3: 0.1})) == expected


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_one_cycle_is_pytorch_s(share):
    expected = theirs(
        lambda one: torch.optim.lr_scheduler.OneCycleLR(one, 0.4, 12 * STEPS, pct_start=share), 1
    )
    assert ours(settings(one_cycle=share)) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("share", [0, 0.01, 0.1, 0.5, 1])
@pytest.mark.parametrize("steps", [1, 2, 3, 10])
def test_a_cycle_of_few_steps_stays_between_its_ends(steps, share):
    few = settings(one_cycle=share).model_copy(update={"epochs": 1})
    rates = [learning_rate(few, step, steps) for step in range(steps)]
    assert all(0 < rate <= 0.4 for rate in rates)


@pytest.mark.parametrize("share", [0, 0.01, 1])
def test_a_cycle_without_rise_or_fall_stays_between_its_ends(share):
    rates = ours(settings(one_cycle=share))
    assert all(0 < rate <= 0.4 for rate in rates)


@pytest.mark.parametrize(
    "schedules", [{"decay": 0.9, "one_cycle": 0.3}, {"milestones": {1: 0.1}, "decay": 0.5}]
)
def test_two_schedules_at_once_are_refused(schedules):
    with pytest.raises(ValueError, match="three schedules"):
        settings(**schedules)
