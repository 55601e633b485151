from __future__ import annotations

import subprocess
import sys

import pytest

import robustbench_ln


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)


def test_importing_the_package_prints_nothing_and_imports_no_torch():
    done = run("import sys, robustbench_ln; assert 'torch' not in sys.modules")
    assert (done.stdout, done.stderr) == ("", "")


def test_importing_every_public_name_seeds_nothing():
    script = (
        "import numpy, torch\n"
        "numpy_state, torch_state = numpy.random.get_state()[1].copy(), torch.get_rng_state()\n"
        "from robustbench_ln import *\n"
        "assert (numpy.random.get_state()[1] == numpy_state).all()\n"
        "assert torch.equal(torch.get_rng_state(), torch_state)"
    )
    done = run(script)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize("name", robustbench_ln.__all__)
def test_every_public_name_is_there_and_documented(name):
    assert getattr(robustbench_ln, name).__doc__
    assert name in dir(robustbench_ln)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = robustbench_ln.no_such_name
