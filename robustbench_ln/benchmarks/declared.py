"""What a file of benchmarks and experiments declares, as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from robustbench_ln.benchmarks.benchmark import Benchmark
from robustbench_ln.benchmarks.experiment import Experiment
from robustbench_ln.errors import LnbenchError, UnknownNameError
from robustbench_ln.noise import parse_sigmas

#: The benchmark whose images are embedded.
USUAL = "digits"


@dataclass(frozen=True)
class Declared:
    """What a file declares.

    Attributes:
        path: the file.
        benchmarks: networks to train, by name.
        experiments: items of the paper, by name.
        grids: sigma grids by name.
    """

    path: Path
    benchmarks: Mapping[str, Benchmark]
    experiments: Mapping[str, Experiment]
    grids: Mapping[str, str]

    def usual_benchmark(self) -> str:
        """Return the benchmark that is meant where none is named: "digits", else the only one.

        Raises:
            LnbenchError: the file declares several others, or none.
        """
        if USUAL in self.benchmarks:
            return USUAL
        if len(self.benchmarks) == 1:
            return next(iter(self.benchmarks))
        raise LnbenchError(
            f"'{self.path}' does not declare '{USUAL}', which is trained where no benchmark is named.",
            f"Name one with --benchmark: {', '.join(self.benchmarks)}."
            if self.benchmarks
            else "Declare one in it, or name another file with --config FILE.",
        )

    def benchmark(self, name: str) -> Benchmark:
        """Return the benchmark of a name.

        Raises:
            UnknownNameError: the file declares no such benchmark.
        """
        if name not in self.benchmarks:
            raise UnknownNameError("benchmark", name, self.benchmarks)
        return self.benchmarks[name]

    def experiment(self, name: str) -> Experiment:
        """Return the experiment of a name.

        Raises:
            UnknownNameError: the file declares no such experiment.
        """
        if name not in self.experiments:
            raise UnknownNameError("experiment", name, self.experiments)
        return self.experiments[name]

    def sigmas(self, grid: str) -> tuple[str, ...]:
        """Return the sigmas of a grid, given by name or written out."""
        return parse_sigmas(self.grids.get(grid, grid))
