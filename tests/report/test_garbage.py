"""Searches for unreachable objects: rarer while a page is made, and as they were after it."""

import gc

import pytest

from robustbench_ln.errors import LnbenchError
from robustbench_ln.report.garbage import rarely_collected


@pytest.fixture
def threshold():
    """Put Python's own threshold back in place, whatever the test sets."""
    before = gc.get_threshold()
    yield lambda: gc.get_threshold()[0]
    gc.set_threshold(*before)


@pytest.mark.parametrize(("own", "meanwhile"), [(700, 100_000), (10**6, 10**6), (0, 0)])
def test_searches_become_rarer_and_never_more_frequent(threshold, own, meanwhile):
    gc.set_threshold(own)
    with rarely_collected():
        assert threshold() == meanwhile
    assert threshold() == own


def test_a_report_that_fails_leaves_them_as_they_were(threshold, maker, build):
    gc.set_threshold(777)
    with pytest.raises(LnbenchError):
        build()
    assert threshold() == 777
    maker.cell()
    build()
    assert threshold() == 777
