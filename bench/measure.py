"""How two ways of doing one thing are compared: in turns, so that what disturbs one disturbs the other."""

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Result:
    """One measurement; without a baseline it is only told, without a bound it cannot fail."""

    name: str
    ours: float
    baseline: float | None = None
    ratio: float | None = None
    bound: float | None = None
    unit: str = "ms"

    @property
    def over(self) -> bool:
        """Whether it is slower than is promised."""
        return self.bound is not None and self.ratio is not None and self.ratio > self.bound


def in_turns(works: Mapping[str, Work], rounds: int, each: int = 1) -> dict[str, list[float]]:
    """For each work the milliseconds it took in every round, the median of ``each`` runs.

    Every round runs all works, beginning with another one each time.
    """
    names = list(works)
    taken: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            taken[name].append(median(_timed(works[name]) for _ in range(each)))
    return taken


def compared(name: str, ours: list[float], baseline: list[float], bound: float | None) -> Result:
    """The ratio is the median of the rounds' ratios: a disturbance spoils its round only."""
    ratio = median(mine / other for mine, other in zip(ours, baseline, strict=True))
    return Result(name, median(ours), median(baseline), ratio, bound)


def _timed(work: Work) -> float:
    gc.disable()
    began = time.perf_counter()
    work()
    taken = (time.perf_counter() - began) * 1000
    gc.enable()
    return taken
