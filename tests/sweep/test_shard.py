"""Shards: every cell in one of them, work about equal, and SLURM's variables read as SLURM means them."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robustbench_ln import LnbenchError
from robustbench_ln.noise import NoiseSpec
from robustbench_ln.sweep.plan import plan_cells
from robustbench_ln.sweep.shard import Shard, by_model, parse_shard, take_shard
from tests.sweep.test_plan import data, settings, stored


def plan(sigmas=("0", "1", "2"), norms=("localnorm", "batchnorm", "switchnorm")):
    noises = (NoiseSpec("agn"), NoiseSpec("mbn"))
    asked = settings(noises=noises, sigmas=tuple(sigma for sigma in sigmas if float(sigma) <= 1) or ("0",))
    return plan_cells([(stored(norm), data()) for norm in norms], asked)


def cells(passes):
    return [cell.id for one in passes for cell in one.cells]


def cost(passes):
    return sum(cell.layout.copies for one in passes for cell in one.cells)


@given(count=st.integers(1, 20), points=st.integers(1, 7))
def test_every_cell_is_in_one_shard(count, points):
    passes = plan([str(step / 10) for step in range(points)])
    shards = [take_shard(passes, Shard(number, count)) for number in range(1, count + 1)]
    assert sorted(cell for shard in shards for cell in cells(shard)) == sorted(cells(passes))
    costs = [cost(shard) for shard in shards]
    dearest = max(cost([part]) for part in by_model(passes))
    assert max(costs) - min(costs) <= dearest


def test_a_shard_keeps_the_order_of_the_plan():
    passes = plan([str(step / 10) for step in range(9)])
    place = {cell: position for position, cell in enumerate(cells(passes))}
    for number in (1, 2):
        for one in take_shard(passes, Shard(number, 2)):
            positions = [place[cell.id] for cell in one.cells]
            assert positions == sorted(positions)
            assert len(one.models) == 1


@pytest.mark.parametrize("text", ["0/3", "4/3", "1/0", "1", "a/b", "1/3/5", "-1/3", "1/3 ", "", "1,3", "٣/٤"])
def test_what_names_no_shard_is_refused(text):
    with pytest.raises(LnbenchError, match="names no shard"):
        parse_shard(text)


@pytest.mark.parametrize(
    ("task", "least", "count", "step", "shard"),
    [
        (1, 1, 8, None, "1/8"),
        (8, 1, 8, "1", "8/8"),
        (0, 0, 4, "1", "1/4"),
        (5, 3, 3, "2", "2/3"),
        (7, 3, 3, "2", "3/3"),
    ],
)
def test_slurm_s_array_is_read(task, least, count, step, shard):
    environment = {
        "SLURM_ARRAY_TASK_ID": str(task),
        "SLURM_ARRAY_TASK_MIN": str(least),
        "SLURM_ARRAY_TASK_COUNT": str(count),
    } | ({} if step is None else {"SLURM_ARRAY_TASK_STEP": step})
    assert str(parse_shard("slurm", environment)) == shard


@pytest.mark.parametrize(
    "changes",
    [
        {"SLURM_ARRAY_TASK_ID": ""},
        {"SLURM_ARRAY_TASK_ID": "9"},
        {"SLURM_ARRAY_TASK_COUNT": "x"},
        {"SLURM_ARRAY_TASK_STEP": "2"},
        {"SLURM_ARRAY_TASK_STEP": "0"},
        {"SLURM_ARRAY_TASK_STEP": "-"},
    ],
)
def test_an_array_that_cannot_be_divided_is_refused(changes):
    environment = {
        "SLURM_ARRAY_TASK_ID": "2",
        "SLURM_ARRAY_TASK_MIN": "1",
        "SLURM_ARRAY_TASK_COUNT": "4",
    } | changes
    with pytest.raises(LnbenchError, match=r"SLURM|array|place"):
        parse_shard("slurm", environment)


def test_planning_a_shard_imports_no_torch():
    code = "import sys, robustbench_ln.sweep.shard; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_more_shards_than_parts_cost_nothing():
    many = 999_999_999
    parts = by_model(plan())
    shared = [take_shard(plan(), Shard(number, many)) for number in range(1, len(parts) + 2)]
    assert [len(cells(own)) > 0 for own in shared] == [*[True] * len(parts), False]
    assert sorted(name for own in shared for name in cells(own)) == sorted(cells(parts))
