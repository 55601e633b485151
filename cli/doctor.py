"""`lnbench doctor`: what this machine has, and whether lnbench can work on it."""

from __future__ import annotations

from dataclasses import asdict

import typer

from robustbench_ln.inspection.doctor import examine

from . import options
from .console import SOME_FAILED, print_json
from .tables import print_table, table


def doctor(
    results: options.ReadResults = options.DEFAULT_RESULTS,
    data_dir: options.DataDir = ...,  # type: ignore[assignment]
    json: options.Json = False,
) -> None:
    """Say what this machine has and whether lnbench can run here, to paste into an issue.

    Versions, hardware, data, and whether the results folder supports what lnbench relies on. It names no
    person, machine or home folder. Exit code 3 if something keeps lnbench from working.
    """
    checks = examine(results, data_dir)
    if json:
        print_json({"checks": [asdict(check) for check in checks]})
    else:
        print_table(
            table(
                ("", "", ""),
                [
                    (check.verdict, check.name, f"{check.found}. {check.hint}" if check.hint else check.found)
                    for check in checks
                ],
                header=False,
            )
        )
    if any(check.verdict == "problem" for check in checks):
        raise typer.Exit(SOME_FAILED)
