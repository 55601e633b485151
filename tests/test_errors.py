from __future__ import annotations

import pickle

import pytest

from robustbench_ln.errors import LnbenchError, NewerVersionError, UnknownNameError, first_line
from robustbench_ln.noise import find_noise


@pytest.mark.parametrize(
    "error",
    [
        LnbenchError("what", "do this"),
        UnknownNameError("norm", "batchnrom", ["batchnorm"]),
        NewerVersionError("what"),
    ],
)
def test_an_error_travels_between_processes_whole(error):
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.message, copy.hint, str(copy)) == (error.message, error.hint, str(error))
    assert isinstance(copy, LnbenchError)
    assert isinstance(copy, NewerVersionError) == isinstance(error, NewerVersionError)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError("no space."), "no space"),
        (RuntimeError("\nErrors in loading:\n\tfirst\n\tsecond"), "Errors in loading"),
        (EOFError(), "EOFError"),
        (ValueError(" \n"), "ValueError"),
        ("timed out", "timed out"),
    ],
)
def test_the_first_line_of_an_error_goes_into_a_sentence(error, line):
    assert first_line(error) == line


@pytest.mark.parametrize(
    ("name", "guess"),
    [("batchnrom", "Did you mean 'batchnorm'?"), ("localnrm", "Did you mean 'localnorm'?"), ("zzz", "")],
)
def test_an_unknown_name_gets_the_nearest_known_one(name, guess):
    error = UnknownNameError("norm", name, ["localnorm", "batchnorm"])
    assert f"'{name}'" in error.message
    assert guess in error.message
    assert ("Did you mean" in error.message) == bool(guess)
    assert error.hint == "Known: batchnorm, localnorm."


def test_an_unknown_noise_says_all_of_its_hint_as_a_text_too():
    with pytest.raises(UnknownNameError, match=r"Known: .* LNBENCH_PLUGINS=FILE\.py") as error:
        find_noise("nope")
    assert str(error.value) == f"{error.value.message} {error.value.hint}"
