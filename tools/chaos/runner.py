"""Runs rounds: one fault, one seed, one verdict."""

import shutil
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from services.errors import ExpectedError
from tools.chaos.faults import FAULTS
from tools.chaos.lab import Lab
from tools.chaos.results import Broken, NotRun, Result, Tally
from tools.chaos.trial import Trial


def plan(names: Sequence[str], rounds: int, seed: int) -> Iterator[tuple[str, int]]:
    """The rounds to run: the fault and the seed of each.

    Args:
        names: The faults. A single one gets all the rounds, several get their share each and at least one.
        rounds: Number of rounds.
        seed: The first round's; each further round of a fault has the next number.
    """
    for name in names:
        count = rounds if len(names) == 1 else max(1, round(rounds * FAULTS[name].share))
        yield from ((name, seed + number) for number in range(count))


class Runner:
    """Runs rounds on the clusters of a lab.

    Args:
        lab: The clusters.
        logs: Keeps the logs of rounds that were violated, the brokers' too.
        scale: Share of a full round's load.
        leniency: Factor of limits of time.
        over_time: Whether every detector has rules over time.
    """

    def __init__(
        self, lab: Lab, logs: Path, scale: float = 1.0, leniency: float = 1.0, *, over_time: bool = False
    ) -> None:
        self._lab = lab
        self._logs = logs
        self._scale = scale
        self._leniency = leniency
        self._over_time = over_time

    def run(self, name: str, seed: int) -> Result:
        """Runs one round."""
        began = time.monotonic()
        fault = FAULTS[name]
        scratch = Path(tempfile.mkdtemp(prefix="chaos-"))
        trial: Trial | None = None
        tally: Tally | None = None
        problem = ""
        proven = True
        try:
            bench = self._lab.bench(fault.bench)
            with Trial(bench, scratch, seed, self._scale, self._leniency, over_time=self._over_time) as trial:
                try:
                    fault.inject(trial)
                except (NotRun, Broken) as error:
                    problem = str(error)
                    proven = not isinstance(error, NotRun)
                tally = trial.finish()
        except NotRun as error:
            problem, proven = str(error), False
        except ExpectedError as error:
            problem = "; ".join(filter(None, [problem, str(error), *(trial.ended_by_themselves() if trial else ())]))
        except Exception as error:  # noqa: BLE001 - a fault may break the tool as well: the other rounds go on
            problem, proven = f"the tool itself failed: {error!r}", False
            (scratch / "traceback.txt").write_text(traceback.format_exc())
        result = Result(
            fault=name,
            seed=seed,
            moment=trial.moment if trial else 0.0,
            proof=trial.proof if trial and proven else "",
            tally=tally,
            problem=problem,
            recovery=trial.recovery if trial else None,
            seconds=time.monotonic() - began,
        )
        if result.verdict == "ok":
            shutil.rmtree(scratch, ignore_errors=True)
        else:
            target = self._logs / f"{name}-{seed}"
            shutil.rmtree(target, ignore_errors=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(scratch, target)
            for node in trial.bench.cluster.nodes if trial else ():
                written = node.process.log
                for log in written.parent.glob(f"{written.name}*"):  # of the run before a restart, too
                    shutil.copy(log, target)
        return result
