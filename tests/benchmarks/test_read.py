"""benchmarks.yaml: the packaged file holds up, and every mistake is an error that points at its line."""

import subprocess
import sys
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robustbench_ln import LnbenchError
from robustbench_ln.benchmarks.find import find_config
from robustbench_ln.benchmarks.read import load_declared
from robustbench_ln.models.registry import NETWORKS, build_network
from robustbench_ln.norms.registry import NORMS, resolve_options

BODY = textwrap.dedent(
    """\
    one:
      title: First
      data: digits
      network: mnist-net
      norms:
        batchnorm: {eps: 1.0e-3}
        localnorm:
          groups: 5
      train:
        epochs: 3
        batch_size: 50
        learning_rate: 0.001
        decay: 0.9
      seeds: [0, 1]
    """
)


def section(content):
    """The content as the section of benchmarks: a line further down, two columns further in."""
    return "benchmarks:\n" + textwrap.indent(content, "  ", lambda line: line not in ("\n", "---\n"))


GOOD = section(BODY)


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "benchmarks.yaml"

    def write(content):
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.mark.parametrize(
    ("text", "value"), [("1e-3", 0.001), ("1.0e-3", 0.001), ("2E+1", 20.0), (".5", 0.5), ("1", 1.0)]
)
def test_numbers_are_those_of_yaml_1_2(written, text, value):
    content = GOOD.replace("learning_rate: 0.001", f"learning_rate: {text}")
    assert load_declared(written(content)).benchmark("one").train.learning_rate == value


def refusal(path):
    with pytest.raises(LnbenchError) as caught:
        load_declared(path)
    return caught.value


def test_a_good_file_gives_what_it_declares(written):
    (benchmark,) = load_declared(written(GOOD)).benchmarks.values()
    assert benchmark.title == "First"
    assert (benchmark.data, benchmark.network) == ("digits", "mnist-net")
    assert benchmark.norms == {"batchnorm": {"eps": 1e-3}, "localnorm": {"groups": 5}}
    assert type(benchmark.norms["localnorm"]["groups"]) is int
    assert (benchmark.train.epochs, benchmark.train.batch_size) == (3, 50)
    assert (benchmark.train.learning_rate, benchmark.train.decay) == (0.001, 0.9)
    assert benchmark.seeds == (0, 1)
    assert benchmark.image_size is None


def test_what_is_left_out_has_its_default(written):
    short = section(BODY.replace("    decay: 0.9\n", "").replace("  seeds: [0, 1]\n", ""))
    (benchmark,) = load_declared(written(short)).benchmarks.values()
    assert benchmark.train.decay == 1
    assert benchmark.seeds == (0,)


@pytest.mark.parametrize("content", [GOOD.replace("\n", "\r\n"), "\ufeff" + GOOD, "# note\n---\n" + GOOD])
def test_line_ends_marks_and_comments_do_not_matter(content, written):
    assert load_declared(written(content)).benchmarks == load_declared(written(GOOD)).benchmarks


@pytest.mark.parametrize("date", ["2024-13-45", "2024-11-05"])
def test_a_date_is_the_text_that_it_is(date, written):
    (benchmark,) = load_declared(written(GOOD.replace("First", date))).benchmarks.values()
    assert benchmark.title == date


def test_several_benchmarks_keep_their_order(written):
    path = written(section(BODY.replace("one:", "zeta:") + BODY.replace("one:", "alpha:")))
    assert list(load_declared(path).benchmarks) == ["zeta", "alpha"]


# what is replaced, by what, the line that must be named, and a part of the message
MISTAKES = {
    "unknown optional key": ("decay: 0.9", "dekay: 0.9", 13, "Did you mean 'decay'"),
    "unknown key of a benchmark": ("seeds: [0, 1]", "seed: [0, 1]", 14, "Did you mean 'seeds'"),
    "unknown key like no other": ("decay: 0.9", "decay: 0.9\n    zzz: 1", 14, "batch_size"),
    "misspelt key that is needed": ("epochs: 3", "epoch: 3", 10, "Did you mean 'epochs'"),
    "misspelt key of a benchmark that is needed": ("data: digits", "dta: digits", 3, "Did you mean 'data'"),
    "a number as key": ("  seeds: [0, 1]", "  3: [0, 1]", 14, "3"),
    "missing key": ("    epochs: 3\n", "", 9, "epochs: this key is missing"),
    "missing title": ("  title: First\n", "", 1, "title: this key is missing"),
    "text for a number": ("epochs: 3", "epochs: three", 10, "'three'"),
    "fraction for a whole number": ("epochs: 3", "epochs: 2.5", 10, "2.5"),
    "true for a number": ("epochs: 3", "epochs: true", 10, "True"),
    "number for a text": ("title: First", "title: 5", 2, "5"),
    "list for a text": ("data: digits", "data: [digits]", 3, "digits"),
    "text for a list": ("seeds: [0, 1]", "seeds: all", 14, "'all'"),
    "text in a list": ("seeds: [0, 1]", "seeds: [0, x]", 14, "'x'"),
    "text in a long list": ("seeds: [0, 1]", "seeds:\n    - 0\n    - x", 16, "'x'"),
    "empty list": ("seeds: [0, 1]", "seeds: []", 14, "seeds"),
    "nothing for a number": ("epochs: 3", "epochs:", 10, "None"),
    "nothing for options": ("batchnorm: {eps: 1.0e-3}", "batchnorm:", 6, "None"),
    "text for options": ("batchnorm: {eps: 1.0e-3}", "batchnorm: fast", 6, "'fast'"),
    "text for an option": ("groups: 5", "groups: five", 8, "'five'"),
    "list for the norms": (
        "    batchnorm: {eps: 1.0e-3}\n    localnorm:\n      groups: 5\n",
        "    - a\n",
        5,
        "a",
    ),
    "no norm": ("\n    batchnorm: {eps: 1.0e-3}\n    localnorm:\n      groups: 5\n", " {}\n", 5, "norms"),
    "negative epochs": ("epochs: 3", "epochs: -3", 10, "-3"),
    "no epochs": ("epochs: 3", "epochs: 0", 10, "0"),
    "empty batch": ("batch_size: 50", "batch_size: 0", 11, "0"),
    "negative rate": ("learning_rate: 0.001", "learning_rate: -1", 12, "-1"),
    "rate without end": ("learning_rate: 0.001", "learning_rate: .inf", 12, "inf"),
    "rate that is no number": ("learning_rate: 0.001", "learning_rate: .nan", 12, "nan"),
    "growing decay": ("decay: 0.9", "decay: 1.1", 13, "1.1"),
    "option that is no number": ("{eps: 1.0e-3}", "{eps: .nan}", 6, "nan"),
    "option without end": ("{eps: 1.0e-3}", "{eps: .inf}", 6, "inf"),
    "unknown norm": ("localnorm:", "locallnorm:", 7, "Did you mean 'localnorm'"),
    "unknown option": ("groups: 5", "grups: 5", 8, "groups"),
    "missing option": ("localnorm:\n      groups: 5", "localnorm: {}", 7, "groups"),
    "groups that do not divide": ("groups: 5", "groups: 7", 7, "7 groups"),
    "name with a path in it": ("one:", "../one:", 1, "not a valid name"),
    "hidden name": ("one:", ".one:", 1, "not a valid name"),
    "unknown network": ("network: mnist-net", "network: mnistnet", 4, "Did you mean 'mnist-net'"),
    "unknown data": ("data: digits", "data: digitz", 3, "Did you mean 'digits'"),
    "key twice": ("decay: 0.9", "decay: 0.9\n    epochs: 4", 14, "'epochs'"),
    "norm twice": ("train:", "  batchnorm: {}\n  train:", 9, "'batchnorm'"),
    "benchmark twice": ("  seeds: [0, 1]\n", "  seeds: [0, 1]\none: {}\n", 15, "'one'"),
    "alias": ("seeds: [0, 1]", "seeds: &s [0, 1]\ntwo: *s", 14, "alias"),
    "tag of a Python object": ("title: First", "title: !!python/object/apply:os.getcwd []", 2, "not YAML"),
    "tab": ("    epochs: 3", "\tepochs: 3", 10, "not YAML"),
    "open bracket": ("seeds: [0, 1]", "seeds: [0, 1", 15, "not YAML"),
    "open quote": ("title: First", 'title: "First', 15, "not YAML"),
    "two documents": ("  seeds: [0, 1]\n", "  seeds: [0, 1]\n---\ntwo: {}\n", 15, "not YAML"),
    "whole number that is none": ("epochs: 3", "epochs: !!int three", 10, ""),
    "yes or no that is neither": ("epochs: 3", "epochs: !!bool three", 10, ""),
    "sign without a number": ("epochs: 3", 'epochs: !!int "-"', 10, ""),
    "number with too many digits": ("epochs: 3", "epochs: " + "9" * 5000, 10, ""),
    "list as key": ("  seeds: [0, 1]", "  ? [a, b]\n  : 1", 14, ""),
    "mapping as key": ("  seeds: [0, 1]", "  ? {a: b}\n  : 1", 14, ""),
    "name that YAML takes for a truth value": ("  seeds: [0, 1]\n", "yes:\n  title: x\n", 14, ""),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_an_error_that_names_file_and_line(mistake, written):
    old, new, line, part = MISTAKES[mistake]
    assert BODY.count(old) == 1, "the case does not change what it means to"
    path = written(section(BODY.replace(old, new)))
    error = refusal(path)
    assert error.message.startswith(f"{path}:{line + 1}: ")
    assert part in str(error)


@pytest.mark.parametrize("mistake", ["negative epochs", "unknown norm", "unknown optional key", "key twice"])
def test_the_line_is_counted_from_the_top_of_the_file_whatever_stands_before(mistake, written):
    old, new, line, _ = MISTAKES[mistake]
    other = BODY.replace("one:", "zero:")
    path = written("# a note\n\n" + section(other + "\n" + BODY.replace(old, new)))
    expected = line + 1 + 2 + other.count("\n") + 1
    assert refusal(path).message.startswith(f"{path}:{expected}: ")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", 1),
        ("# only a note\n", 1),
        ("---\n", 1),
        ("- one\n- two\n", 1),
        ("one\n", 1),
        ("5\n", 1),
        ("null\n", 1),
        ("one:\n", 1),
        ("one: 5\n", 1),
        ("# note\none: [title]\n", 2),
        ("\x00\x01\x02", 1),
        ("a: b: c\n", 1),
        ("{}\n", 1),
        ('one: 5\na: "\\U00110000"\n', 2),
        ('a: "\\UFFFFFFFF"\n', 1),
    ],
)
def test_a_file_of_another_form_is_an_error_that_names_file_and_line(content, line, written):
    path = written(content)
    assert refusal(path).message.startswith(f"{path}:{line}: ")


@pytest.mark.parametrize(
    "content",
    [bytes(range(256)), b"\x89PNG\r\n\x1a\n" + bytes(100), b"\xff\xfe" + GOOD.encode("utf-16-le"), b"\xff"],
    ids=["bytes", "png", "utf-16", "latin"],
)
def test_a_file_that_is_no_text_is_an_error_that_names_it(content, written):
    path = written(content)
    assert str(path) in refusal(path).message


def test_a_huge_file_is_an_error_that_names_it(written):
    path = written(GOOD + "#" + "x" * 1_100_000)
    assert str(path) in refusal(path).message


@pytest.mark.parametrize("content", ["a: " + "[" * 1200, "a: " + "[" * 1200 + "]" * 1200, "{a: " * 1200])
def test_a_file_nested_beyond_sense_is_an_error_that_names_it(content, written):
    path = written(content)
    assert str(path) in refusal(path).message


def test_a_bomb_of_aliases_is_refused_at_its_first_alias(written):
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 30)]
    path = written("\n".join(levels))
    assert "alias" in refusal(path).message


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir()], ids=["missing", "folder"])
def test_a_file_that_cannot_be_read_is_an_error_that_names_it(make, tmp_path):
    path = tmp_path / "benchmarks.yaml"
    make(path)
    assert str(path) in refusal(path).message


lines = st.sampled_from(
    ["benchmarks:", *GOOD.splitlines(), "- x", "? [a]", "  : 1", "<<: {a: 1}", "x: &a 1", "y: *a", "'", "%"]
    + [
        f'x: "{escape}"'
        for escape in (r"\x41", r"\ud800", r"\U0010FFFF", r"\U00110000", r"\UFFFFFFFF", r"\q")
    ]
)


@given(st.lists(lines, max_size=18).map("\n".join) | st.text(max_size=60))
def test_no_text_raises_anything_but_an_lnbench_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    try:
        load_declared(path)
    except LnbenchError as error:
        assert str(path) in error.message


def test_the_packaged_file_loads_and_every_network_of_its_own_can_be_built(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    benchmarks = load_declared(find_config(None)).benchmarks
    assert {"digits", "mnist"} <= set(benchmarks)
    own = [benchmark for benchmark in benchmarks.values() if benchmark.network in NETWORKS]
    assert {benchmark.network for benchmark in own} == set(NETWORKS)
    for network, norm in {(one.network, norm) for one in own for norm in map(str, dict(one.norm_options()))}:
        groups = {"groups": 4} if NORMS[norm].has_groups else {}
        build_network(network, image_shape=(3, 32, 32), num_classes=10, norm=norm, norm_options=groups)


def test_the_packaged_mnist_benchmark_has_the_settings_of_the_paper_s_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mnist = load_declared(find_config(None)).benchmark("mnist")
    assert mnist.data == "mnist"
    assert resolve_options("localnorm", mnist.norms["localnorm"])["groups"] == 10
    assert resolve_options("batchnorm", mnist.norms["batchnorm"]) == {"eps": 1e-3, "momentum": 0.01}
    assert (mnist.train.batch_size, mnist.train.learning_rate, mnist.train.decay) == (100, 1e-3, 0.9)


def test_the_file_in_force_is_the_given_one_then_the_working_folder_s_then_the_package_s(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    packaged = find_config(None)
    assert packaged.is_file()
    assert tmp_path not in packaged.parents
    (tmp_path / "benchmarks.yaml").write_text(GOOD)
    assert find_config(None).resolve() == tmp_path / "benchmarks.yaml"
    (tmp_path / "mine.yaml").write_text(GOOD)
    assert find_config(tmp_path / "mine.yaml") == tmp_path / "mine.yaml"
    with pytest.raises(LnbenchError, match=r"none\.yaml"):
        find_config(tmp_path / "none.yaml")


def test_an_unknown_benchmark_is_an_error_with_the_nearest_name(written):
    declared = load_declared(written(GOOD))
    assert declared.benchmark("one") is declared.benchmarks["one"]
    with pytest.raises(LnbenchError, match="'one'"):
        declared.benchmark("onne")


@pytest.mark.parametrize(
    "module", ["benchmarks.read", "training.recipe", "modes", "sweep.plan", "store.store"]
)
def test_modules_that_only_plan_import_no_torch(module):
    code = f"import sys, robustbench_ln.{module}; print({{'torch', 'torchvision'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (section(BODY) + "  two: {like: [one]}\n", r":16: .*earlier benchmark"),
        (
            section(BODY)
            + "experiments:\n  fig: {paper: Fig 1, title: T, figure: histograms, benchmarks: [one]}\n",
            r":17: .*there are no sweeps",
        ),
    ],
)
def test_a_mistake_that_is_no_wrong_type_points_at_its_line_too(text, part, written):
    with pytest.raises(LnbenchError, match=part):
        load_declared(written(text))


def test_several_mistakes_are_told_together_without_those_that_follow_from_them(written):
    body = BODY.replace("epochs: 3", "epochs: 0").replace("batch_size: 50", "batch_size: x")
    content = (
        "grids: {down: '3:1'}\n"
        + section(body)
        + "  two: {like: one}\n  three: {like: three}\n  four: {like: none}\n"
        + "experiments:\n  fig: {paper: Fig 1, title: T, figure: curves, benchmarks: [one]}\n"
    )
    path = written(content)
    lines = {text.strip(): number for number, text in enumerate(content.splitlines(), 1)}
    told = str(refusal(path)).split("\n")
    wrong = [
        "grids: {down: '3:1'}",
        "epochs: 0",
        "batch_size: x",
        "three: {like: three}",
        "four: {like: none}",
    ]
    assert [one.split(": ")[0] for one in told] == [f"{path}:{lines[text]}" for text in wrong]


@pytest.mark.parametrize("levels", [25, 400_000])
def test_a_file_of_too_many_levels_is_named_before_it_is_composed(levels, tmp_path):
    path = tmp_path / "deep.yaml"
    path.write_text(f"grids:\n  deep: {'[' * levels}{']' * levels}\n", encoding="utf-8")
    with pytest.raises(LnbenchError, match=r":2: nested more than 20 levels deep"):
        load_declared(path)


def test_without_a_name_digits_is_meant_else_the_only_benchmark(written):
    digits = BODY.replace("one:", "digits:")
    assert load_declared(written(section(BODY))).usual_benchmark() == "one"
    assert load_declared(written(section(BODY + digits))).usual_benchmark() == "digits"


def test_without_a_name_one_of_several_is_asked_for(written):
    declared = load_declared(written(section(BODY + BODY.replace("one:", "two:"))))
    with pytest.raises(LnbenchError, match="does not declare 'digits'") as caught:
        declared.usual_benchmark()
    assert caught.value.hint == "Name one with --benchmark: one, two."
