"""The learning rate at every step of a training."""

from __future__ import annotations

import math

from robustbench_ln.benchmarks.training import TrainSettings

#: Of a one-cycle schedule: the peak over the first rate, and the first over the last, as in PyTorch.
_RISE, _FALL = 25.0, 1e4


def learning_rate(settings: TrainSettings, step: int, steps_per_epoch: int) -> float:
    """Return the learning rate of a step.

    Args:
        settings: the recipe.
        step: counted from 0 over the whole training.
        steps_per_epoch: number of batches of an epoch.
    """
    epoch = step // steps_per_epoch
    if settings.one_cycle is not None:
        return _one_cycle(settings, step, settings.epochs * steps_per_epoch)
    passed = [after for after in settings.milestones if after <= epoch]
    if passed:
        return settings.milestones[max(passed)]
    return settings.learning_rate * settings.decay ** (epoch // settings.decay_every)


def _one_cycle(settings: TrainSettings, step: int, steps: int) -> float:
    peak, first = settings.learning_rate, settings.learning_rate / _RISE
    turn = float(settings.one_cycle or 0.0) * steps - 1
    if step < turn:
        return _along_cosine(first, peak, step / turn)
    # Few steps may leave none to rise over, and a share of 1 none to fall over.
    falling = steps - 1 - turn
    return _along_cosine(peak, first / _FALL, (step - turn) / falling if falling else 0.0)


def _along_cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))
