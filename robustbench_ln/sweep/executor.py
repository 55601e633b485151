"""Where passes run: in processes of this machine, or on the nodes of a Ray cluster.

Importing this file imports neither torch nor Ray.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from robustbench_ln.devices import Dtype, choose_dtype
from robustbench_ln.errors import LnbenchError, UnknownNameError
from robustbench_ln.store.store import Store
from robustbench_ln.sweep.plan import NoisyPass
from robustbench_ln.sweep.run import Outcome, run_passes
from robustbench_ln.threads import default_workers

#: Processes of this machine, and the nodes of a Ray cluster.
EXECUTORS = ("local", "ray")


@dataclass(frozen=True)
class Executor:
    """Where passes run, and in which precision.

    Attributes:
        name: one of EXECUTORS.
        precision: in which networks multiply.
        workers: processes of the local one; None for one per GPU, else as many as the cores take.
        threads: of torch in each process or task.
        device: "auto", "cpu" or "cuda".
        address: of the Ray cluster; None for RAY_ADDRESS's, else a new one.
    """

    name: str
    precision: Dtype
    workers: int | None = None
    threads: int = 1
    device: str = "auto"
    address: str | None = None

    def run(
        self,
        store: Store,
        passes: Sequence[NoisyPass],
        *,
        run_id: str,
        on_pass: Callable[[Sequence[Outcome]], None],
    ) -> list[Outcome]:
        """Measure the cells of passes and publish each.

        Args:
            store: where cells go.
            passes: those that are not finished.
            run_id: names the invocation.
            on_pass: told the finished and failed cells of each pass.

        Raises:
            LnbenchError: data that cannot be read, a worker that died, or a cluster that does not answer.
        """
        if self.name == "ray":
            from robustbench_ln.sweep.on_ray import run_passes_on_ray

            return run_passes_on_ray(
                store,
                passes,
                run_id=run_id,
                address=self.address,
                threads=self.threads,
                device=self.device,
                on_pass=on_pass,
            )
        return run_passes(
            store,
            passes,
            run_id=run_id,
            workers=self.workers or default_workers(self.threads, self.device),
            threads=self.threads,
            device=self.device,
            on_pass=on_pass,
        )


def check_executor(name: str) -> str:
    """Return the name of an executor that exists.

    Raises:
        UnknownNameError: none has the name.
    """
    if name not in EXECUTORS:
        raise UnknownNameError("executor", name, EXECUTORS)
    return name


def choose_executor(
    name: str,
    *,
    dtype: str,
    device: str,
    workers: int | None = None,
    threads: int = 1,
    address: str | None = None,
    sharded: bool = False,
) -> Executor:
    """Return the executor that the options of a command ask for.

    Args:
        name: one of EXECUTORS.
        dtype: see `robustbench_ln.devices.choose_dtype`.
        device: "auto", "cpu" or "cuda".
        workers: see `Executor`.
        threads: see `Executor`.
        address: see `Executor`.
        sharded: whether other machines measure other parts of the same plan.

    Raises:
        LnbenchError: options of the other executor, or a choice that other machines might make otherwise.
    """
    if name == "ray" and workers is not None:
        raise LnbenchError("--workers applies only to --executor local.")
    if name != "ray" and address is not None:
        raise LnbenchError("--address names a Ray cluster.", "Add --executor ray.")
    if dtype == "auto" and (name == "ray" or sharded):
        raise LnbenchError(
            "--dtype auto may choose differently on other machines.", "Name --dtype fp32 or bf16."
        )
    return Executor(check_executor(name), choose_dtype(dtype, device), workers, threads, device, address)
