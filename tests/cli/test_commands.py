"""The list of commands says what the commands themselves say, without importing them."""

import inspect
import subprocess
import sys

import pytest
from lnbench_cli.commands import COMMANDS, load


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_has_the_first_line_of_each_command_s_own_help(name):
    command = load(name)
    said = inspect.cleandoc(command.help or "").splitlines()[0]
    assert said == COMMANDS[name].help


def test_help_and_a_mistyped_name_import_no_library_of_a_command():
    code = (
        "import sys\n"
        "from lnbench_cli.main import app\n"
        "for arguments in (['--help'], ['lst']):\n"
        "    try: app(arguments)\n"
        "    except SystemExit: pass\n"
        "print(sorted({'torch', 'numpy', 'pandas', 'yaml', 'PIL'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "Did you mean 'list'?" in done.stderr


def test_a_list_of_what_could_be_run_imports_no_library_of_numbers(tmp_path):
    code = (
        "import sys\n"
        "from lnbench_cli.main import app\n"
        f"try: app(['list', '--results', {str(tmp_path / 'none')!r}])\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'numpy', 'pandas', 'scipy', 'PIL'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "fig7" in done.stdout
