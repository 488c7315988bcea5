"""The suites of this folder as pytest tests: one for each caller before each record, one for what each suite covers."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from sidecar.errors import FindingsError
from sidecar.policy.bundle import SUITE_SUFFIX, Bundle, build
from sidecar.policy.results import Case, SuiteResult
from sidecar.policy.suite import run_suite
from sidecar.policy.witness import Witness
from sidecar.records.schemas import load_kinds, shipped_schemas


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Every suite is a file of tests."""
    if file_path.name.endswith(SUITE_SUFFIX):
        return SuiteFile.from_parent(parent, path=file_path)
    return None


@cache
def bundle_of(folder: Path) -> Bundle:
    """The policies of one folder, compiled once for all its suites."""
    return build([folder], load_kinds([shipped_schemas()]))


class SuiteFile(pytest.File):
    """One suite."""

    def collect(self) -> Iterator[pytest.Item]:
        """A test for each case, and one for what is said of the suite as a whole."""
        try:
            result = run_suite(bundle_of(self.path.parent), self._stem, self.path, witness=Witness.of_callers())
        except FindingsError as error:
            raise self.CollectError(str(error)) from error
        for case in result.cases:
            yield CaseItem.from_parent(self, name=f"{case.caller}-{case.record}", case=case)
        yield WholeItem.from_parent(self, name="suite", result=result)

    @property
    def _stem(self) -> str:
        return self.path.name.removesuffix(SUITE_SUFFIX)


class SuiteFailedError(AssertionError):
    """A suite demands something else."""


class _Item(pytest.Item):
    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: str | None = None) -> str:  # noqa: ARG002 - pytest calls it so
        """The sentence alone: the trace would show this file only."""
        return str(excinfo.value)


class CaseItem(_Item):
    """One caller before one record."""

    def __init__(self, *, case: Case, **rest: object) -> None:
        super().__init__(**rest)  # type: ignore[arg-type]
        self._case = case

    def runtest(self) -> None:
        """What the suite demands is so."""
        if self._case.failures:
            raise SuiteFailedError(f"{self._case.record} {'; '.join(self._case.failures)}")


class WholeItem(_Item):
    """What is said of a suite as a whole: its records are valid, every rule is seen both true and false."""

    def __init__(self, *, result: SuiteResult, **rest: object) -> None:
        super().__init__(**rest)  # type: ignore[arg-type]
        self._result = result

    def runtest(self) -> None:
        """There are no findings."""
        if self._result.findings:
            raise SuiteFailedError("\n".join(map(str, self._result.findings)))
