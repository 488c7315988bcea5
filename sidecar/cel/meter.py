"""The steps of one evaluation: what the careful form pays as it goes, and how it ends when there are none left."""

from typing import Any

import re2

from sidecar.cel import sentences
from sidecar.cel.errors import EvaluationError
from sidecar.cel.kernel import SIZED
from sidecar.cel.patterns import compile_pattern
from sidecar.cel.values import Comparison, member, no_overload

_MADE_BY_STEP = 16
"""So much of a value that is made costs a step."""
_PATTERN, _REFUSED_PATTERN, _COMPILED_BY_STEP, _MATCHED_BY_STEP = 50, 2_000, 8, 256
"""The steps of compiling a pattern and of refusing one; so much of it compiled, so much work of it costs another."""


class Exhausted(Exception):  # noqa: N818 - no error of a part: nothing absorbs it, it ends the evaluation
    """There are no steps left."""

    @property
    def told(self) -> EvaluationError:
        """The error that the evaluation ends with."""
        return EvaluationError(str(self))


class Meter:
    """Counts the steps of one evaluation. Every method raises Exhausted when there are none left."""

    __slots__ = ("_left", "_limit")

    def __init__(self, limit: int) -> None:
        self._left = self._limit = limit

    def pay(self, items: Any, each: int = 1) -> Any:
        """The items, paid for."""
        return self._spend(len(items) * each, items)

    def looked(self, value: Any, by_step: int) -> Any:
        """A value that is read from end to end, paid for if it is a text."""
        return self._spend(len(value) // by_step, value) if type(value) in (str, bytes) else value

    def pattern(self, pattern: Any) -> Any:
        """A pattern that comes with the record, compiled and paid for by what it was compiled to."""
        if type(pattern) is not str:
            raise no_overload("matches", "", pattern)
        try:
            compiled = compile_pattern(pattern)
        except re2.error:
            self._spend(_REFUSED_PATTERN, None)
            raise
        return self._spend(_PATTERN + compiled.programsize // _COMPILED_BY_STEP, compiled)

    def matched(self, text: Any, pattern: Any) -> bool:
        """``text.matches(pattern)``, paid for by all that the pattern may do with so long a text."""
        if type(text) is not str:
            raise no_overload("matches", text, "")
        self._spend(len(text) * pattern.programsize // _MATCHED_BY_STEP, None)
        return pattern.search(text) is not None

    def same(self, left: Any, right: Any) -> bool:
        """``left == right``, paid for by the parts that are compared."""
        comparison = Comparison(self._left)
        try:
            return comparison.same(left, right)
        finally:
            self._spend(self._left - comparison.left, None)

    def member(self, item: Any, container: Any) -> bool:
        """``item in container``, paid for by what is compared."""
        if type(container) is not list:
            return member(item, container)
        self.pay(container)
        return any(self.same(item, held) for held in container)

    def grown(self, value: Any) -> Any:
        """A value that was made, paid for by its size."""
        return self._spend(len(value) // _MADE_BY_STEP, value) if type(value) in SIZED else value

    def _spend(self, steps: int, value: Any) -> Any:
        self._left -= steps
        if self._left < 0:
            raise Exhausted(sentences.over_budget(self._limit))
        return value
