"""What all tests share."""

import os

from hypothesis import settings

# One thread, set before torch is first imported: on a busy machine two threads wait 25 ms for each other at
# every small operation. Processes that tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Examples are drawn from a fixed seed, so that a run says the same as the one before it; no deadline, since
# the first example of a test may import torch.
settings.register_profile("lnbench", deadline=None, derandomize=True, database=None, max_examples=60)
settings.load_profile("lnbench")
