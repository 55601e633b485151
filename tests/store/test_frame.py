"""Reading the table of cells together with what else is needed of them."""

from collections import Counter

from pandas.testing import assert_frame_equal

from robustbench_ln.store.frame import read_cells, read_rows
from robustbench_ln.store.open import open_store
from robustbench_ln.store.store import Store
