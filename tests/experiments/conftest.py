"""A benchmark of three norms without a cell."""

import pytest

from tests.experiments.measured import Measured


@pytest.fixture
def small(tmp_path):
    return Measured(tmp_path)
