"""All faults of a protocol, or a sample of them, judged on one core or several."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from kb import model
from kb.mutation.judging import Bench, Verdict
from kb.mutation.report import Strength
from kb.scenarios import Scenario

_HELD: list[Bench] = []  # of a worker process: made once, used for all its faults
_AT_ONCE = 8  # faults handed to a worker; neighbours share a step, and so what was worked out for it


def mutate(
    protocol: model.Protocol,
    library: model.Library,
    scenarios: Sequence[Scenario],
    classes: Iterable[str] = (),
    sample: int | None = None,
    seed: int = 0,
    jobs: int = 1,
    told: Callable[[list[str]], Iterable[str]] = iter,
) -> Strength:
    """What notices the faults of `classes` (all by default).

    Args:
        sample: how many faults to draw, the same for the same `seed`; all by default.
        jobs: processes that work on them; what comes out does not depend on it.
        told: is given a line for each fault and yields them as their turn comes.

    Raises:
        BrokenScenarioError: a scenario fails before any fault is made.
        kb.prover.solver.SolverMissingError: the solver is not installed.

    """
    bench = Bench(protocol, library, scenarios)
    bench.worked.results  # noqa: B018 - raises where one of them fails
    wanted = [mutant.number for mutant in bench.mutants if not classes or mutant.kind in set(classes)]
    total = len(wanted)
    if sample is not None and sample < total:
        wanted = sorted(random.Random(seed).sample(wanted, sample))
    lines = [f"{bench.mutants[number].owner}, line {bench.mutants[number].span.line}" for number in wanted]
    if jobs > 1 and len(wanted) > _AT_ONCE:
        verdicts = _on_several(protocol, library, scenarios, wanted, jobs)
    else:
        verdicts = (bench.judge(number) for number in wanted)
    found = tuple(verdict for _, verdict in zip(told(lines), verdicts, strict=False))
    return Strength(protocol.id, protocol.version, bench.guideline, bench.in_few(found), total)


def _on_several(
    protocol: model.Protocol, library: model.Library, scenarios: Sequence[Scenario], wanted: list[int], jobs: int
) -> Iterator[Verdict]:
    with ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=_start, initargs=(protocol, library, tuple(scenarios))
    ) as pool:
        yield from pool.map(_judge, wanted, chunksize=_AT_ONCE)


def _start(protocol: model.Protocol, library: model.Library, scenarios: tuple[Scenario, ...]) -> None:
    _HELD.append(Bench(protocol, library, scenarios))


def _judge(number: int) -> Verdict:
    return _HELD[0].judge(number)
