"""What all tests share."""

import os

import pytest
from hypothesis import settings

# One thread, set before torch is first imported: on a busy machine two threads wait 25 ms for each other at
# every small operation. Processes that tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Examples are drawn from a fixed seed, so that a run says the same as the one before it; no deadline, since
# the first example of a test may import torch.
_KEPT = settings(deadline=None, derandomize=True, database=None)
settings.register_profile("lnbench", _KEPT, max_examples=60)
# For make test-faults: pytest -m hypothesis --hypothesis-profile faults
settings.register_profile("faults", _KEPT, max_examples=1000)
settings.load_profile("lnbench")


@pytest.fixture(scope="session")
def mnist():
    """MNIST from the folder that LNBENCH_DATA names; nothing is downloaded."""
    from robustbench_ln.data.data_dir import default_data_dir
    from robustbench_ln.data.open import open_data

    # A download that failed leaves the folder behind, but no file.
    if not any((default_data_dir() / "MNIST" / "raw").glob("train-images*")):
        pytest.skip(f"MNIST is not in '{default_data_dir()}'; LNBENCH_DATA names another folder")
    return open_data("mnist", default_data_dir())
