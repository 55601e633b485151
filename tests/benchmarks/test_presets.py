"""Presets, inheritance, variants of a norm, experiments: what is declared is what comes out."""

import textwrap

import pytest

from robustbench_ln import LnbenchError
from robustbench_ln.benchmarks.find import find_config
from robustbench_ln.benchmarks.printed import paper_values
from robustbench_ln.benchmarks.read import load_declared
from robustbench_ln.experiments.needs import needs_of
from robustbench_ln.norms.registry import resolve_options

FILE = textwrap.dedent(
    """\
    grids:
      few: "0,1,2"
    benchmarks:
      one:
        title: First
        data: digits
        network: mnist-net
        norms:
          batchnorm: {}
          localnorm:groups=2: {}
          localnorm:groups=5: {eps: 0.01}
        train: {epochs: 3, batch_size: 50, learning_rate: 0.001, decay: 0.9}
        seeds: [0, 1]
        presets:
          quick:
            shortens: one epoch
            train: {epochs: 1, one_cycle: 0.3}
            seeds: [0]
            test_images: 100
      two:
        like: one
        title: Second
        train: {noisy: {noise: agn, sigma: 1, share: 0.5}}
    experiments:
      fig:
        paper: Fig 0
        title: A figure
        figure: curves
        benchmarks: [one]
        sweeps:
          - {noise: agn, reading: text, sigma: few}
        claims:
          - {id: a, rule: value, text: a number, of: {norm: batchnorm, noise: agn}, sigma: 1, paper: 44.67}
    """
)


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "benchmarks.yaml"

    def write(content):
        path.write_text(content)
        return path

    return write


def test_a_norm_may_stand_several_times_with_options_in_its_key(written):
    one = load_declared(written(FILE)).benchmark("one")
    assert one.norm_options() == [
        ("batchnorm", {}),
        ("localnorm", {"groups": 2}),
        ("localnorm", {"groups": 5, "eps": 0.01}),
    ]


def test_a_preset_changes_what_it_names_and_nothing_else(written):
    one = load_declared(written(FILE)).benchmark("one")
    quick = one.at("quick")
    assert (quick.train.epochs, quick.train.batch_size, quick.train.learning_rate) == (1, 50, 0.001)
    assert (quick.train.one_cycle, quick.train.decay) == (0.3, 1), (
        "another schedule takes the place of the old"
    )
    assert (quick.seeds, quick.test_images, quick.train_images) == ((0,), 100, None)
    assert quick.norms == one.norms
    assert one.at("paper") == one
    with pytest.raises(LnbenchError, match="quick"):
        one.at("quik")


def test_a_benchmark_like_another_differs_in_what_it_says(written):
    declared = load_declared(written(FILE))
    one, two = declared.benchmark("one"), declared.benchmark("two")
    assert two.title == "Second"
    assert two.train.noisy is not None
    assert two.train.model_copy(update={"noisy": None}) == one.train
    assert two.at("quick").train.noisy == two.train.noisy


def test_a_setting_at_its_default_does_not_stand_in_the_card(written):
    one = load_declared(written(FILE)).benchmark("one")
    assert one.train.card() == {"epochs": 3, "batch_size": 50, "learning_rate": 0.001, "decay": 0.9}
    assert one.at("quick").train.card() == {
        "epochs": 1,
        "batch_size": 50,
        "learning_rate": 0.001,
        "decay": 1.0,
        "one_cycle": 0.3,
    }


MISTAKES = {
    "unknown section": ("experiments:", "experimentz:", 24, "Did you mean 'experiments'"),
    "unknown base": ("like: one", "like: none", 21, "'none'"),
    "unknown preset key": ("seeds: [0]", "seedz: [0]", 18, "seedz"),
    "wrong setting of a preset": ("{epochs: 1, one_cycle: 0.3}", "{epochs: one}", 17, "'one'"),
    "two schedules": ("{epochs: 1, one_cycle: 0.3}", "{decay: 0.5, one_cycle: 0.3}", 17, "three schedules"),
    "preset whose batch does not divide": ("{epochs: 1, one_cycle: 0.3}", "{batch_size: 7}", 17, "7"),
    "preset without words": ("        shortens: one epoch\n", "", 15, "shortens"),
    "unknown benchmark": ("benchmarks: [one]", "benchmarks: [onne]", 29, "'one'"),
    "unknown noise": ("{noise: agn, reading", "{noise: agm, reading", 31, "agn"),
    "unknown grid": ("sigma: few", "sigma: fw", 31, "fw"),
    "unknown reading": ("reading: text", "reading: texts", 31, "text"),
    "unknown rule": ("rule: value", "rule: valu", 33, "ordering"),
    "unknown key of a claim": ("paper: 44.67", "papr: 44.67", 33, "papr"),
    "noise of a claim that no sweep has": ("noise: agn}, sigma: 1", "noise: apn}, sigma: 1", 33, "agn"),
    "norm of a claim that is not shown": ("of: {norm: batchnorm,", "of: {norm: switchnorm,", 33, "localnorm"),
    "mode of a claim that does not fit": (
        "of: {norm: batchnorm,",
        "of: {norm: batchnorm, mode: voting,",
        33,
        "frozen",
    ),
    "mode of a claim that no sweep measures": ("sigma: few}", "sigma: few, modes: [batch]}", 33, "frozen"),
    "options of a claim's norm that no benchmark has": (
        "of: {norm: batchnorm,",
        "of: {norm: 'localnorm:groups=3',",
        33,
        "declares localnorm:groups=3",
    ),
    "small sets of another mode": (
        "of: {norm: batchnorm,",
        "of: {norm: batchnorm, small_sets: true,",
        33,
        "small sets",
    ),
    "small sets that no sweep measures": (
        "sigma: few}\n    claims:\n      - {id: a, rule: value, text: a number, of: {norm: batchnorm,",
        "sigma: few, controls: false}\n    claims:\n      - {id: a, rule: value, text: a number, "
        "of: {norm: batchnorm, mode: batch, small_sets: true,",
        33,
        "measures mode 'batch'",
    ),
    "best at a sigma in no grid": (
        "rule: value, text: a number, of: {norm: batchnorm, noise: agn}, sigma: 1, paper: 44.67",
        "rule: best, text: a number, noise: agn, sigma: 5, groups: [2]",
        33,
        "sigma 5",
    ),
    "a benchmark named twice": ("benchmarks: [one]", "benchmarks: [one, one]", 29, "a second time"),
    "a seed named twice": ("seeds: [0, 1]", "seeds: [0, 0]", 13, "a second time"),
    "sigma of a claim in no grid": ("sigma: 1, paper", "sigma: 5, paper", 33, "sigma 5"),
    "norm of a claim that the experiment leaves out": (
        "benchmarks: [one]\n",
        "benchmarks: [one]\n    norms: [localnorm]\n",
        34,
        "localnorm",
    ),
    "norm of a spread that is not shown": (
        "{id: a, rule: value, text: a number, of: {norm: batchnorm, noise: agn}, sigma: 1, paper: 44.67}",
        "{id: a, rule: spread, text: t, benchmark: one, norm: switchnorm, parameter: gamma, least: 0.1}",
        33,
        "batchnorm",
    ),
    "claim on histograms": ("figure: curves", "figure: histograms", 33, "images alone"),
    "mode of a sweep that fits no norm": ("sigma: few}", "sigma: few, modes: [eval]}", 31, "frozen"),
    "preset that is the benchmark itself": ("quick:", "paper:", 15, "another name"),
    "experiment that stands for all": ("  fig:", "  all:", 25, "another name"),
    "norm that stands twice": (
        "localnorm:groups=2: {}",
        "localnorm: {groups: 5, eps: 0.01}",
        11,
        "above already",
    ),
    "momentum beyond 1": ("batchnorm: {}", "batchnorm: {momentum: 2}", 9, "from 0 to 1"),
    "text for a norm's number": ("batchnorm: {}", "batchnorm: {eps: x}", 9, "should be a number"),
    "minutes for a number": ("epochs: 3", "epochs: 1:30", 12, "'1:30'"),
    "unknown norm of a claim": ("of: {norm: batchnorm,", "of: {norm: batchnrm,", 33, "batchnorm"),
    "number out of range": ("paper: 44.67", "paper: 144.67", 33, "144.67"),
    "sigma beyond the family": (
        "{noise: agn, reading: text, sigma: few}",
        "{noise: mbn, sigma: few}",
        31,
        "2",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_an_error_that_names_file_and_line(mistake, written):
    old, new, line, part = MISTAKES[mistake]
    assert FILE.count(old) == 1, "the case does not change what it means to"
    path = written(FILE.replace(old, new))
    with pytest.raises(LnbenchError) as caught:
        load_declared(path)
    assert caught.value.message.startswith(f"{path}:{line}: ")
    assert part in str(caught.value)


def test_the_packaged_file_declares_every_item_of_the_paper(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    declared = load_declared(find_config(None))
    items = {experiment.paper for experiment in declared.experiments.values()}
    figures = {1, 2, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17}
    panels = {"Fig 4a", "Fig 4b", "Fig 9a", "Fig 9b", *(f"Fig 8{letter}" for letter in "abcdef")}
    assert items == {"Table 1", "Table 2", *(f"Fig {number}" for number in figures), *panels}
    for experiment in declared.experiments.values():
        for benchmark in experiment.benchmarks:
            assert "quick" in declared.benchmark(benchmark).presets
        readings = {sweep.reading for sweep in experiment.sweeps}
        assert readings != {"code"}, "what the paper's text says can be run"


def test_every_number_that_the_paper_prints_is_declared(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    declared = load_declared(find_config(None))
    printed = [
        (name, row["benchmark"], row["norm"], row["noise"], row["sigma"], row["paper"], row["unit"])
        for name, experiment in declared.experiments.items()
        for row in paper_values(experiment)
    ]
    norms = ("batchnorm", "switchnorm", "localnorm")
    table1 = {
        "mnist": (99.61, 99.53, 99.62),
        "cifar10-vgg": (88.83, 57.39, 92.07),
        "cifar10-resnet32": (91.74, 91.88, 91.78),
        "cars": (88.17, 87.34, 89.34),
    }
    table2 = {
        "cifar10-vgg": ((15_001_418, 15_001_496, 15_115_690), (20, 30, 23)),
        "cifar10-resnet32": ((470_218, 470_414, 473_610), (21, 56, 26)),
    }
    fig7 = {1: (44.67, 84.89, 97.78), 2: (10.0, 39.31, 75.01)}
    expected = {
        *(
            ("table1", name, norm, None, 0.0, accuracy, "percent")
            for name, accuracies in table1.items()
            for norm, accuracy in zip(norms, accuracies, strict=True)
        ),
        *(
            ("table2", name, norm, None, None, number, unit)
            for name, numbers in table2.items()
            for unit, own in zip(("parameters", "seconds"), numbers, strict=True)
            for norm, number in zip(norms, own, strict=True)
        ),
        *(
            ("fig7", None, norm, "agn", float(sigma), accuracy, "percent")
            for sigma, accuracies in fig7.items()
            for norm, accuracy in zip(norms, accuracies, strict=True)
        ),
        ("fig7", None, "localnorm", "agn", None, 2, "times"),
        ("fig8a", None, "batchnorm", "agn", 1.0, 28.95, "percent"),
        ("fig8a", None, "localnorm", "agn", 1.0, 71.95, "percent"),
        ("fig8a", None, "localnorm", "agn", None, 2, "times"),
        ("fig8d", "cars", "localnorm", "agn", None, 74, "percent at least"),
        ("fig8d", "cars", "batchnorm", "agn", None, 20, "percent at most"),
        *(("fig11", None, "localnorm", noise, None, (4, 8), "groups") for noise in ("agn", "apn", "mbn")),
    }
    found = {(*row[:5], tuple(row[5]) if isinstance(row[5], list) else row[5], row[6]) for row in printed}
    assert found == expected


@pytest.mark.parametrize(
    ("item", "benchmark", "rescale", "space"),
    [
        ("fig7", "mnist", False, "pixel"),
        ("fig8c", "cifar10-vgg", True, "pixel"),
        ("fig9a", "cifar10-vgg", True, "pixel"),
        ("fig9a", "cifar10-resnet32", True, "standardised"),
        ("fig10", "cifar10-resnet32-noisy-30", True, "standardised"),
        ("fig15", "cifar10-resnet32", True, "standardised"),
        ("fig8f", "cars-lite0", False, "pixel"),
    ],
)
def test_noise_of_the_code_s_reading_is_that_of_the_network_s_code(item, benchmark, rescale, space):
    # facts.md: CIFAR-10 is rescaled, and ResNet32 gets its noise on standardised images.
    declared = load_declared(find_config(None))
    needs = needs_of(declared, declared.experiment(item), benchmark, "paper")
    code = {(need.noise.rescale, need.noise.space) for need in needs if need.sweep.reading == "code"}
    other = {(need.noise.rescale, need.noise.space) for need in needs if need.sweep.reading != "code"}
    assert (code, other) == ({(rescale, space)}, {(False, "pixel")})


def test_controls_are_declared_for_every_network_of_the_paper(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    declared = load_declared(find_config(None))
    for name in ("mnist", "cifar10-vgg", "cifar10-resnet32", "cars", "cars-lite0"):
        options = {
            norm: resolve_options(norm, given) for norm, given in declared.benchmark(name).norm_options()
        }
        assert options["ghostbatchnorm"]["groups"] == options["localnorm"]["groups"]
