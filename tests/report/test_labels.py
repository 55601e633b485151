"""Labels: as short as they can be, and different where the things are."""

from hypothesis import given
from hypothesis import strategies as st

from robustbench_ln.report.labels import distinct_labels, model_labels


def model(norm="batchnorm", seed=0, benchmark="digits", **options):
    return {
        "norm": norm,
        "norm_options": {"eps": 1e-5, **options},
        "seed": seed,
        "network": "mnist-net",
        "benchmark": benchmark,
    }


def labels(*models):
    hashes = [str(number).ljust(12, "0") for number in range(1, len(models) + 1)]
    ids = [f"name.{recipe}.{'f' * 12}" for recipe in hashes]
    return list(model_labels(dict(zip(ids, models, strict=True))).values())


def test_a_norm_alone_needs_no_more():
    assert labels(model(), model("localnorm", groups=5)) == ["batchnorm", "localnorm K=5"]


def test_what_differs_is_added():
    assert labels(model("localnorm", groups=5), model("localnorm", groups=10)) == [
        "localnorm K=5",
        "localnorm K=10",
    ]
    assert labels(model(seed=0), model(seed=1)) == ["batchnorm, seed 0", "batchnorm, seed 1"]
    assert labels(model(), model(benchmark="mnist"), model("none")) == [
        "batchnorm, digits",
        "batchnorm, mnist",
        "none",
    ]
    assert labels(model(momentum=0.1), model(momentum=0.01)) == [
        "batchnorm, momentum=0.1",
        "batchnorm, momentum=0.01",
    ]


def test_equal_descriptions_go_by_their_recipe():
    assert labels(model(), model()) == ["batchnorm, 100000", "batchnorm, 200000"]


@given(st.lists(st.tuples(*[st.sampled_from(["", "a", "b"])] * 3), max_size=8))
def test_things_never_share_a_label(rows):
    parts = {number: ("norm", *row, f"id {number}") for number, row in enumerate(rows)}
    found = distinct_labels(parts)
    assert len(set(found.values())) == len(parts)
    assert all(label.startswith("norm") for label in found.values())
