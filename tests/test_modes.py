"""What a mode arranges, the votes it counts, and that SINGLE is one image as the paper's code takes it."""

import subprocess
import sys
from decimal import Decimal, localcontext

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats
from torch import nn

from robustbench_ln import LnbenchError
from robustbench_ln.identity import canonical_json
from robustbench_ln.models.registry import build_network
from robustbench_ln.modes import (
    MODES,
    Blend,
    canonical_mode,
    check_mode,
    count_votes,
    fits_norm,
    lay_out,
    modes_for,
    parse_mode,
)
from robustbench_ln.noise.draws import draw_groups
from robustbench_ln.norms.registry import NORMS
from robustbench_ln.norms.sets import laid_out

FITTING = [(norm, mode) for norm in NORMS for mode in modes_for(norm)]


def network_with_random_parameters(norm, seed=0, **options):
    torch.manual_seed(seed)
    network = build_network(
        "mnist-net", image_shape=(1, 28, 28), num_classes=10, norm=norm, norm_options=options
    )
    with torch.no_grad():
        for module in network.features:
            if not isinstance(module, nn.Conv2d):
                for parameter in module.parameters():
                    parameter.add_(0.3 * torch.randn_like(parameter))
    return network.eval()


def groups_of_rows(layout, groups_of_sets, rows):
    return [int(groups_of_sets[row % len(groups_of_sets)]) for row in range(rows)]


@pytest.mark.parametrize(("groups", "batch_size"), [(1, 1), (1, 8), (2, 8), (4, 8), (5, 50), (8, 8)])
@pytest.mark.parametrize("norm", ["localnorm", "ghostbatchnorm"])
def test_batch_splits_the_images_into_groups_as_training_does(norm, groups, batch_size):
    layout = lay_out("batch", norm, groups, batch_size)
    assert (layout.images, layout.copies, layout.set_size) == (batch_size, 1, batch_size // groups)
    sets = layout.groups_of_sets(np.arange(100, 100 + batch_size), seed=3)
    assert groups_of_rows(layout, sets, batch_size) == [row % groups for row in range(batch_size)]


@pytest.mark.parametrize(("groups", "batch_size"), [(1, 1), (1, 8), (4, 8), (4, 7), (5, 3)])
def test_single_sends_each_image_alone_through_its_drawn_group(groups, batch_size):
    layout = lay_out("single", "localnorm", groups, batch_size)
    assert (layout.images, layout.copies, layout.set_size) == (batch_size, 1, 1)
    indices = np.array([7, 0, 5000, 3, 3, 12, 9, 1])[:batch_size]
    sets = layout.groups_of_sets(indices, seed=3)
    assert sets.tolist() == [int(draw_groups(3, [index], groups)[0]) for index in indices]


@pytest.mark.parametrize(("groups", "batch_size"), [(1, 1), (4, 8), (4, 7), (5, 3)])
def test_single_of_groups_that_share_their_parameters_draws_nothing(groups, batch_size):
    layout = lay_out("single", "ghostbatchnorm", groups, batch_size)
    assert (layout.images, layout.copies, layout.set_size) == (batch_size, 1, 1)
    assert layout.groups_of_sets(np.arange(batch_size), seed=3).tolist() == [0] * batch_size


@pytest.mark.parametrize(("groups", "batch_size"), [(1, 8), (4, 8), (4, 7), (4, 3), (10, 100)])
def test_single_voting_sends_each_image_alone_through_every_group(groups, batch_size):
    layout = lay_out("single-voting", "localnorm", groups, batch_size)
    assert (layout.copies, layout.set_size) == (groups, 1)
    assert layout.images >= 1
    assert layout.images * groups <= max(batch_size, groups)
    sets = layout.groups_of_sets(np.arange(layout.images), seed=0)
    assert len(sets) == layout.images * groups, "each row is a set of its own"
    for image in range(layout.images):
        assert sorted(sets[image * groups : (image + 1) * groups]) == list(range(groups))


@pytest.mark.parametrize(("groups", "batch_size"), [(1, 8), (2, 8), (4, 8), (4, 4), (10, 100)])
def test_voting_lets_a_handful_share_statistics_in_every_group(groups, batch_size):
    layout = lay_out("voting", "localnorm", groups, batch_size)
    size = batch_size // groups
    assert (layout.images, layout.copies, layout.set_size) == (size, groups, size)
    sets = layout.groups_of_sets(np.arange(size), seed=0)
    rows = groups_of_rows(layout, sets, batch_size)
    # An image's rows lie side by side: each must meet every group once, and each set holds every image once.
    for image in range(size):
        assert sorted(rows[image * groups : (image + 1) * groups]) == list(range(groups))
    for one in range(len(sets)):
        assert [row // groups for row in range(batch_size) if row % len(sets) == one] == list(range(size))


@pytest.mark.parametrize(("norm", "mode"), [pair for pair in FITTING if pair[1] in ("frozen", "eval")])
def test_frozen_and_eval_leave_the_layers_to_themselves(norm, mode):
    layout = lay_out(mode, norm, 1, 6)
    assert (layout.images, layout.copies, layout.set_size, layout.coupled) == (6, 1, None, False)
    assert layout.groups_of_sets(np.arange(6), seed=0) is None


@pytest.mark.parametrize(("norm", "mode"), FITTING)
def test_a_mode_is_coupled_where_other_images_enter_the_statistics(norm, mode):
    groups = 4 if NORMS[norm].has_groups else 1
    assert lay_out(mode, norm, groups, 8).coupled is (mode in ("batch", "voting"))


def test_an_image_s_group_does_not_depend_on_its_batch():
    layout = lay_out("single", "localnorm", 8, 50)
    whole = layout.groups_of_sets(np.arange(50), seed=1)
    assert np.array_equal(layout.groups_of_sets(np.arange(49, -1, -1), seed=1), whole[::-1])
    assert not np.array_equal(layout.groups_of_sets(np.arange(50), seed=2), whole)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("mode", [*(mode for mode in MODES if mode != "blend"), "blend:alpha=0.5"])
def test_a_mode_that_does_not_fit_is_an_error_that_names_those_that_do(norm, mode):
    groups = 2 if NORMS[norm].has_groups else 1
    if fits_norm(mode, norm):
        assert lay_out(mode, norm, groups, 4).mode == mode.partition(":")[0]
        return
    with pytest.raises(LnbenchError, match=f"'{mode.partition(':')[0]}'.*'{norm}'") as caught:
        lay_out(mode, norm, groups, 4)
    assert all(fitting in str(caught.value) for fitting in modes_for(norm))


@pytest.mark.parametrize("mode", ["batch", "voting"])
@pytest.mark.parametrize(("batch_size", "groups"), [(7, 2), (3, 4), (101, 10)])
def test_a_batch_that_does_not_divide_is_an_error_that_names_both_numbers(mode, batch_size, groups):
    with pytest.raises(LnbenchError, match=rf"\b{batch_size}\b.*\b{groups}\b"):
        lay_out(mode, "localnorm", groups, batch_size)


@pytest.mark.parametrize("mode", ["batch", "single", "single-voting", "voting"])
@pytest.mark.parametrize("batch_size", [0, -4])
def test_an_empty_batch_is_an_error(mode, batch_size):
    with pytest.raises(LnbenchError, match=str(batch_size)):
        lay_out(mode, "localnorm", 4, batch_size)


@pytest.mark.parametrize(("name", "nearest"), [("singel", "single"), ("Voting", "voting")])
def test_an_unknown_mode_is_an_error_with_the_nearest_name(name, nearest):
    with pytest.raises(LnbenchError, match=f"'{nearest}'"):
        check_mode(name)
    with pytest.raises(LnbenchError, match=f"'{nearest}'"):
        lay_out(name, "localnorm", 2, 4)


def probabilities(row):
    """Return a softmax in 50 digits, so that what is a tie in mathematics is one here."""
    with localcontext() as context:
        context.prec = 50
        powers = [Decimal(float(logit)).exp() for logit in row]
        return [power / sum(powers) for power in powers]


def votes_by_hand(rows, vote):
    """Return the classes that may win: one, but for sums that only rounding could tell apart."""
    classes = len(rows[0])
    summed = [sum(column) for column in zip(*map(probabilities, rows), strict=True)]
    if vote == "majority":
        votes = [0] * classes
        for row in rows:
            votes[min(label for label in range(classes) if row[label] == max(row))] += 1
        leading = [label for label in range(classes) if votes[label] == max(votes)]
    else:
        leading = list(range(classes))
    best = max(summed[label] for label in leading)
    return [label for label in leading if best - summed[label] < Decimal("1e-12")]


few_logits = st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(2, 5)).flatmap(
    lambda sizes: arrays.arrays(np.float32, sizes, elements=st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0, 3.0]))
)


@pytest.mark.parametrize("vote", ["majority", "mean"])
@given(by_image=few_logits)
def test_votes_are_counted_as_by_hand(vote, by_image):
    images, copies, classes = by_image.shape
    predicted = count_votes(by_image.reshape(images * copies, classes), copies, vote)
    assert predicted.dtype == np.int64
    assert predicted.shape == (images,)
    for image in range(images):
        if copies == 1:  # nothing to vote on: the arg-max, ties to the lowest class
            assert predicted[image] == by_image[image, 0].tolist().index(by_image[image, 0].max())
        else:
            assert predicted[image] in votes_by_hand(by_image[image].tolist(), vote)


@pytest.mark.parametrize(
    ("rows", "majority", "mean"),
    [
        ([[9, 0, 0], [1, 1.1, 0], [1, 1.1, 0]], 1, 0),  # two faint votes beat one loud one, not in the mean
        ([[5, 0, 0], [0, 1, 0]], 0, 0),  # a tie of votes: the larger summed probability
        ([[1, 0, 0], [0, 5, 0]], 1, 1),
        ([[0, 2, 0], [0, 0, 2]], 1, 1),  # a tie of both: the lowest class
        ([[2, 0], [0, 2]], 0, 0),
        ([[0, 0], [0, 0]], 0, 0),
        ([[0, 0, 1], [0, 0, 1], [3, 0, 2.9]], 2, 2),
        ([[1, 0, 0, 0.99], [0, 1, 0, 0.99]], 0, 3),  # only classes with most votes are in a majority's tie
    ],
)
def test_these_votes_have_a_known_outcome(rows, majority, mean):
    logits = np.array(rows, dtype=np.float32)
    assert count_votes(logits, len(rows), "majority").tolist() == [majority]
    assert count_votes(logits, len(rows), "mean").tolist() == [mean]


def test_votes_of_one_image_do_not_reach_another():
    logits = np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32)
    together = count_votes(logits, 3, "majority")
    assert together.tolist() == [
        int(count_votes(logits[first : first + 3], 3, "majority")[0]) for first in range(0, 12, 3)
    ]


@pytest.mark.parametrize("vote", ["majority", "mean"])
def test_huge_logits_do_not_overflow(vote):
    logits = np.array([[1e30, -1e30], [-1e30, 1e30], [1e30, 0]], dtype=np.float32)
    assert count_votes(logits, 3, vote).tolist() == [0]


@pytest.mark.parametrize("copies", [1, 2])
def test_an_unknown_vote_rule_is_an_error(copies):
    with pytest.raises(LnbenchError, match="'majority'"):
        count_votes(np.zeros((2, 3), dtype=np.float32), copies, "majorty")


@pytest.mark.parametrize(("groups", "batch_size"), [(4, 20), (10, 50), (1, 8)])
def test_single_equals_the_image_copied_into_every_slot_of_a_batch(groups, batch_size):
    network = network_with_random_parameters("localnorm", seed=groups, groups=groups)
    images = torch.rand(6, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    indices = np.array([3, 1, 4, 15, 92, 65])
    layout = lay_out("single", "localnorm", groups, batch_size)
    drawn = layout.groups_of_sets(indices, seed=5)

    with torch.inference_mode(), laid_out(network, torch.from_numpy(drawn)):
        alone = network(images)

    for number, image in enumerate(images):
        with torch.inference_mode():
            copied = network(image.expand(batch_size, 1, 28, 28))  # slot r is in group r mod K
        slots = copied[int(drawn[number]) :: groups]
        torch.testing.assert_close(slots, alone[number].expand_as(slots), atol=1e-3, rtol=0)
        largest = alone[number].topk(2).values
        if largest[0] - largest[1] > 2e-3:
            assert (slots.argmax(1) == alone[number].argmax()).all()


@pytest.mark.parametrize("groups", [2, 5])
def test_single_voting_equals_the_slots_of_a_copied_batch_voting(groups):
    network = network_with_random_parameters("localnorm", seed=9, groups=groups)
    images = torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(2))
    layout = lay_out("single-voting", "localnorm", groups, 4 * groups)
    sets = torch.from_numpy(layout.groups_of_sets(np.arange(4), seed=0))
    with torch.inference_mode(), laid_out(network, sets):
        rows = network(images.repeat_interleave(groups, dim=0)).numpy()
    for number, image in enumerate(images):
        with torch.inference_mode():
            slots = network(image.expand(3 * groups, 1, 28, 28)).numpy()
        np.testing.assert_allclose(rows[number * groups : (number + 1) * groups], slots[:groups], atol=1e-3)


def test_single_batchnorm_equals_an_image_copied_into_a_batch():
    network = network_with_random_parameters("batchnorm")
    images = torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(3))
    sets = torch.from_numpy(lay_out("single", "batchnorm", 1, 3).groups_of_sets(np.arange(3), seed=0))
    with torch.inference_mode(), laid_out(network, sets):
        alone = network(images)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.train().momentum = 0.0
    for number, image in enumerate(images):
        with torch.inference_mode():
            copied = network(image.expand(5, 1, 28, 28))
        torch.testing.assert_close(copied, alone[number].expand(5, 10), atol=1e-3, rtol=0)


def test_drawn_groups_are_all_taken():
    layout = lay_out("single", "localnorm", 10, 100)
    counts = np.bincount(layout.groups_of_sets(np.arange(5000), seed=0), minlength=10)
    assert stats.chisquare(counts).pvalue > 1e-3


def test_planning_modes_imports_no_torch():
    code = "import sys; from robustbench_ln.modes import lay_out; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("mode", "batch_size", "weight"),
    [
        ("blend:alpha=0.9", 8, 0.9),
        ("blend:alpha=0", 8, 0.0),
        ("blend:alpha=1", 1, 1.0),
        ("blend:prior=16", 48, 0.25),
        ("blend:prior=16", 1, 16 / 17),
        ("blend:prior=0", 4, 0.0),
    ],
)
def test_a_blend_weighs_the_source_by_alpha_or_by_its_images(mode, batch_size, weight):
    layout = lay_out(mode, "batchnorm", 1, batch_size)
    assert layout.source_weight == pytest.approx(weight)
    assert (layout.mode, layout.images, layout.set_size) == ("blend", batch_size, batch_size)
    assert layout.coupled == (batch_size > 1), "one image is blended with the source alone"
    assert lay_out("batch", "batchnorm", 1, batch_size).source_weight is None


@pytest.mark.parametrize("option", ["alpha", "prior"])
def test_minus_zero_is_the_blend_of_zero(option):
    ways = [Blend(**{option: value}) for value in (0.0, -0.0)]
    assert canonical_json(ways[0].identity()) == canonical_json(ways[1].identity())
    assert ways[0].text == ways[1].text


def test_a_blend_is_measured_only_where_it_is_named():
    assert "blend" in MODES
    assert not any("blend" in modes_for(norm) for norm in NORMS)
    assert [norm for norm in NORMS if fits_norm("blend:alpha=0.5", norm)] == ["batchnorm"]
    assert canonical_mode("blend:alpha=0.90") == "blend:alpha=0.9"
    assert canonical_mode("batch") == "batch"


@pytest.mark.parametrize(
    ("mode", "problem"),
    [
        ("blend", "takes one option"),
        ("blend:alpha", "is not a number"),
        ("blend:alpha=", "is not a number"),
        ("blend:beta=1", "[Nn]o option of mode blend|option of mode blend"),
        ("blend:alpha=1.1", "from 0 to 1"),
        ("blend:alpha=-0.1", "from 0 to 1"),
        ("blend:alpha=nan", "from 0 to 1"),
        ("blend:prior=-1", "from 0 to"),
        ("blend:prior=inf", "from 0 to"),
        ("batch:alpha=1", "takes no options"),
        ("blemd:alpha=1", "mode"),
    ],
)
def test_a_wrong_blend_is_told(mode, problem):
    with pytest.raises(LnbenchError, match=problem):
        lay_out(mode, "batchnorm", 1, 8)


@pytest.mark.parametrize("option", ["alpha=0.1234567", "prior=1234567", "alpha=0.5", "prior=16"])
def test_a_blend_is_written_as_it_can_be_read_back(option):
    assert canonical_mode(f"blend:{option}") == f"blend:{option}"
    _, blend = parse_mode(canonical_mode(f"blend:{option}"))
    assert blend.identity() == {option.partition("=")[0]: float(option.partition("=")[2])}
