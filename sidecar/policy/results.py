"""What came of running suites, and how it is told: as a tree, as JUnit XML, as JSON."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sidecar.errors import Finding


@dataclass(frozen=True, slots=True)
class Case:
    """One caller before one record. ``failures`` is empty when all is as the suite demands."""

    suite: str
    caller: str
    record: str
    visible: bool
    failures: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name that ``-k`` looks into."""
        return f"{self.suite}/{self.caller}/{self.record}"


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which answers of one rule a suite has seen."""

    rule: str
    constant: bool
    seen: frozenset[bool]

    @property
    def missing(self) -> tuple[bool, ...]:
        """The answers that should have been seen and were not."""
        return () if self.constant else tuple(value for value in (True, False) if value not in self.seen)


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """One suite, run. ``strangers`` are callers of tenants that none of its records is of: they see nothing."""

    name: str
    path: str
    cases: tuple[Case, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    findings: tuple[Finding, ...] = ()
    strangers: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings and not any(case.failures for case in self.cases)


@dataclass(frozen=True, slots=True)
class Results:
    """All suites of a bundle, run; ``gaps`` are policies without a suite and kinds without a policy."""

    suites: tuple[SuiteResult, ...]
    gaps: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether the bundle may be trusted."""
        return not self.gaps and all(suite.passed for suite in self.suites)


def tree(results: Results, *, coverage: bool = False) -> Iterator[str]:
    """The results as lines: a suite each, below it only what failed, and with ``coverage`` every rule's answers."""
    for suite in results.suites:
        failed = [case for case in suite.cases if case.failures]
        state = "ok" if suite.passed else "FAILED"
        yield f"{suite.name}: {state}, {len(suite.cases)} cases, {len(failed)} failed"
        for case in failed:
            yield f"  {case.caller} before {case.record}"
            yield from (f"    {failure}" for failure in case.failures)
        for finding in suite.findings:
            yield from (f"  {line}" for line in str(finding).splitlines())
        for caller in suite.strangers:
            yield f"  note: no record here is of the tenant of {caller}, so it proves the tenant wall only"
        for rule in suite.coverage if coverage else ():
            seen = "constant" if rule.constant else ", ".join(sorted(str(value).lower() for value in rule.seen))
            yield f"  {rule.rule}: {seen or 'never seen'}"
    yield from (str(gap) for gap in results.gaps)


def as_json(results: Results) -> dict[str, Any]:
    """The results as plain values."""
    return {
        "passed": results.passed,
        "gaps": [str(gap) for gap in results.gaps],
        "suites": [
            {
                "suite": suite.name,
                "path": suite.path,
                "passed": suite.passed,
                "strangers": list(suite.strangers),
                "cases": [
                    {
                        "caller": case.caller,
                        "record": case.record,
                        "visible": case.visible,
                        "failures": list(case.failures),
                    }
                    for case in suite.cases
                ],
                "coverage": {rule.rule: sorted(rule.seen) for rule in suite.coverage if not rule.constant},
                "findings": [str(finding) for finding in suite.findings],
            }
            for suite in results.suites
        ],
    }


def junit(results: Results) -> str:
    """The results as JUnit XML, a test case for each caller before each record."""
    root = ET.Element("testsuites", name="sidecar")
    for suite in results.suites:
        cases = [(f"{case.caller} before {case.record}", case.failures) for case in suite.cases]
        _junit_suite(root, suite.name, [*cases, ("suite", tuple(map(str, suite.findings)))])
    _junit_suite(root, "bundle", [("gaps", tuple(map(str, results.gaps)))])
    return ET.tostring(root, encoding="unicode", xml_declaration=True)


def _junit_suite(root: ET.Element, name: str, cases: list[tuple[str, tuple[str, ...]]]) -> None:
    failures = sum(bool(failed) for _, failed in cases)
    suite = ET.SubElement(root, "testsuite", name=name, tests=str(len(cases)), failures=str(failures))
    for title, failed in cases:
        case = ET.SubElement(suite, "testcase", classname=name, name=title)
        if failed:
            ET.SubElement(case, "failure", message=failed[0]).text = "\n".join(failed)
