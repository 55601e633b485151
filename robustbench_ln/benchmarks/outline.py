"""The items of a file of benchmarks and experiments by name, without checking the rest of the file.

Checking all of it takes pydantic and NumPy, whose import alone takes longer than a list of names should.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from robustbench_ln.yaml_file import YamlFile


@dataclass(frozen=True)
class Item:
    """An item of the paper, as the file names it.

    Attributes:
        name: of the experiment.
        paper: its name in the paper, such as "Fig 7".
        title: one line for people.
        benchmarks: whose networks it shows.
    """

    name: str
    paper: str
    title: str
    benchmarks: tuple[str, ...]


def items_of(path: Path) -> list[Item]:
    """Return the items that a file declares.

    Raises:
        LnbenchError: unreadable, not YAML, or its experiments are not mappings with these texts; with the
            line. `load_declared` finds what else is wrong.
    """
    file = YamlFile(path)
    experiments = file.value.get("experiments") if isinstance(file.value, dict) else None
    if isinstance(file.value, dict) and "benchmarks" in file.value and "experiments" not in file.value:
        return []
    if not isinstance(experiments, dict):
        raise file.error(
            ("experiments",), "expected experiments by name.", "See docs/reference/benchmarks.md."
        )
    found = []
    for name, body in experiments.items():
        where = ("experiments", name)
        if not isinstance(body, dict):
            raise file.error(where, "expected a mapping.", "See docs/reference/benchmarks.md.")
        for key in ("paper", "title"):
            if not isinstance(body.get(key), str):
                raise file.error((*where, key), f"expected a text as '{key}'.")
        benchmarks = body.get("benchmarks")
        if not isinstance(benchmarks, list) or not all(isinstance(one, str) for one in benchmarks):
            raise file.error((*where, "benchmarks"), "expected a list of names as 'benchmarks'.")
        found.append(Item(name, body["paper"], body["title"], tuple(benchmarks)))
    return found
