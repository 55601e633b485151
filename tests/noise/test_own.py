"""Noises of the user's: what they are given, and what is said of what they return."""

import numpy as np
import pytest

from robustbench_ln import LnbenchError, add_noise, register_noise
from robustbench_ln.noise import NOISES, NoiseSpec, find_noise
from robustbench_ln.noise.draws import draw

IMAGES = np.random.default_rng(0).random((6, 3, 5, 4)).astype(np.float32)


@pytest.fixture(autouse=True)
def _as_before():
    before = dict(NOISES)
    yield
    NOISES.clear()
    NOISES.update(before)


def test_a_noise_gets_its_keyed_draws_and_each_image_its_own():
    @register_noise("plus", draws="normal", version="1")
    def plus(images, sigma, drawn):
        return images + np.float32(sigma) * drawn

    noisy = add_noise(IMAGES, "plus", sigma=0.5, seed=3)
    expected = IMAGES + np.float32(0.5) * draw("normal", 3, "plus", range(6), (3, 5, 4))
    np.testing.assert_array_equal(noisy, expected)
    for part in ([2], [5, 0], [4, 3, 1]):
        np.testing.assert_array_equal(
            add_noise(IMAGES[part], "plus", sigma=0.5, seed=3, indices=part), noisy[part]
        )
    # An untouched copy at sigma 0, and the draws of one version are those of the next.
    np.testing.assert_array_equal(add_noise(IMAGES, "plus", sigma=0), IMAGES)
    register_noise("plus", draws="normal", version="2")(plus)
    np.testing.assert_array_equal(add_noise(IMAGES, "plus", sigma=0.5, seed=3), noisy)


def test_versions_are_told_apart_and_an_old_one_is_not_applied():
    def shade(images, sigma, nothing):
        return images * np.float32(1 - sigma)

    register_noise("shade", draws="none", version="1")(shade)
    old = NoiseSpec("shade")
    register_noise("shade", draws="none", version="2")(shade)
    assert (old.name, NoiseSpec("shade").name) == ("shade@1", "shade@2")
    assert old.identity() != NoiseSpec("shade").identity()
    assert "ready_made" not in old.identity()
    assert find_noise("shade@1").name == "shade@1"
    with pytest.raises(LnbenchError, match=r"needs noise 'shade@1', but .* has 'shade@2'"):
        old.corrupt(IMAGES, "0.5", 0, np.arange(6))


def test_the_version_of_a_file_is_that_of_its_content(tmp_path, monkeypatch):
    from robustbench_ln.user_code import load_code

    code = (
        "from robustbench_ln import register_noise\n"
        "@register_noise('filed', draws='none')\ndef filed(x, s, n): return x + s\n"
    )
    names = []
    for folder, text in (("a", code), ("b", code), ("c", code + "# edited\n")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(text)
        NOISES.pop(names[-1] if names else "", None)
        load_code(str(tmp_path / folder / "mine.py"))
        names.append(find_noise("filed").name)
    assert names[0] == names[1] != names[2]


WRONG = {
    "float64": (lambda x, s, u: x.astype(np.float64), r"returned \(6, 3, 5, 4\) float64"),
    "another shape": (lambda x, s, u: x[:, :1], r"returned \(6, 1, 5, 4\)"),
    "nothing": (lambda x, s, u: None, "returned NoneType"),
    "not finite": (lambda x, s, u: x / np.float32(0), "not finite at sigma 0.5"),
    "raises": (lambda x, s, u: x[99], "failed at sigma 0.5: IndexError.*line .* of test_own.py"),
    "in place": (lambda x, s, u: np.add(x, 1, out=x), "return new images"),
    "looks at the batch": (lambda x, s, u: x - x.mean(dtype=np.float32), "other noise when it comes alone"),
    "draws its own": (
        lambda x, s, u: x + np.random.default_rng().random(x.shape, np.float32),
        "other noise when it comes alone",
    ),
}


@pytest.mark.parametrize(("function", "part"), WRONG.values(), ids=WRONG)
def test_what_breaks_the_contract_is_a_sentence(function, part):
    register_noise("wrong", version="1")(function)
    with pytest.raises(LnbenchError, match=part):
        add_noise(IMAGES, "wrong", sigma=0.5)


@pytest.mark.parametrize("name", ["Agn", "a b", "a@b", "corrupted-x", "-a", "a" * 41, "a:b"])
def test_a_name_that_commands_cannot_take_is_refused(name):
    with pytest.raises(LnbenchError, match="no name that commands can take"):
        register_noise(name, version="1")(lambda x, s, u: x)


def test_two_files_cannot_share_a_name_and_a_version_is_a_word(tmp_path):
    from robustbench_ln.user_code import load_code

    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text(
            "from robustbench_ln import register_noise\n"
            "register_noise('same', version='1')(lambda x, s, u: x)\n"
        )
    load_code(str(tmp_path / "one.py"))
    with pytest.raises(LnbenchError, match=r"Both '.*one.py' and '.*two.py' register a noise 'same'"):
        load_code(str(tmp_path / "two.py"))
    with pytest.raises(LnbenchError, match=r"'1\.2' is no version"):
        register_noise("worded", version="1.2")(lambda x, s, u: x)


def test_processes_elsewhere_are_told_whole_paths(tmp_path, monkeypatch):
    from robustbench_ln.user_code import allow, environment

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LNBENCH_PLUGINS", "")
    assert environment() == {}
    monkeypatch.setenv("LNBENCH_PLUGINS", "mine.py, package.nets")
    allow("nets.py")
    wanted = f"{tmp_path / 'mine.py'},package.nets,{tmp_path / 'nets.py'}"
    assert environment() == {"LNBENCH_PLUGINS": wanted}


def test_a_recipe_names_the_version_of_the_noise_of_its_copies():
    from robustbench_ln.benchmarks.training import TrainSettings

    register_noise("shade", draws="none", version="7")(lambda x, s, n: x * np.float32(1 - s))
    plain = {"epochs": 1, "batch_size": 8, "learning_rate": 0.1}
    noisy = {"noise": "shade", "sigma": 0.5, "share": 0.3}
    card = TrainSettings.model_validate(plain | {"noisy": noisy}).card()
    assert card["noisy"] == noisy | {"noise": "shade@7"}
    assert (
        TrainSettings.model_validate(plain | {"noisy": noisy | {"noise": "agn"}}).card()["noisy"]["noise"]
        == "agn"
    )
