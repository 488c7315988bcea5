"""The conformance runner: every caller of a suite before every record, each policy on its own and all together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from sidecar.errors import Finding, PolicyError, Reject
from sidecar.identity.authority import Catalogue, authority_of
from sidecar.identity.caller import Caller, Identity
from sidecar.identity.callers import CATALOGUE_KINDS
from sidecar.policy.bundle import BUNDLE_SUITE, Bundle
from sidecar.policy.explain import Answer, Explainer, RuleAnswer, own_policies
from sidecar.policy.load import SuiteDocument, load_suite
from sidecar.policy.results import Case, Coverage, Results, SuiteResult
from sidecar.policy.rules import WALL
from sidecar.policy.standing import Authority
from sidecar.policy.steps import Steps, whole
from sidecar.records.canonical import policy_view
from sidecar.records.ingest import Intake
from sidecar.records.places import names
from sidecar.records.store import Prepared, Tenant
from sidecar.validated import node_at

if TYPE_CHECKING:
    from sidecar.policy.witness import Witness


def run(
    bundle: Bundle, *, holding: str | None = None, witness: bool = True, operator_without_units: bool = True
) -> Results:
    """Run the suites beside the policies.

    With ``holding`` only the cases whose name holds it, and no demand on coverage. Without ``witness`` cel-python is
    not asked (a reload has no time for it). ``operator_without_units`` is as in ``authority_of``, which makes the
    callers. Findings are in the results; nothing is raised for them.
    """
    return whole(running(bundle, holding=holding, witness=witness, operator_without_units=operator_without_units))


def running(
    bundle: Bundle, *, holding: str | None = None, witness: bool = True, operator_without_units: bool = True
) -> Steps[Results]:
    """As ``run``, case by case."""
    second = _witness() if witness else None
    suites = []
    for stem, path in bundle.suites():
        suites.append((yield from _running(bundle, stem, path, holding, second, operator_without_units)))
    gaps = () if holding else tuple(replace(note, severity="error") for note in bundle.notes)
    return Results(tuple(suites), gaps)


def _witness() -> "Witness":
    from sidecar.policy.witness import Witness  # noqa: PLC0415 - its engine costs 100 ms, and only suites need it

    return Witness.of_callers()


def run_suite(bundle: Bundle, stem: str, path: Path, *, witness: "Witness | None" = None) -> SuiteResult:
    """Run one suite file as under a configuration that says nothing. Findings are in the result."""
    return whole(_running(bundle, stem, path, None, witness, operator_without_units=True))


def _running(
    bundle: Bundle,
    stem: str,
    path: Path,
    holding: str | None,
    witness: "Witness | None",
    operator_without_units: bool,
) -> Steps[SuiteResult]:
    """As ``run_suite``, case by case, of those alone whose name holds a text."""
    try:
        suite = Suite.read(bundle, stem, path, operator_without_units=operator_without_units)
    except PolicyError as error:
        return SuiteResult(stem, str(path), findings=error.findings)
    cases = []
    for case in suite.cases(witness):
        yield
        cases += [case] if holding is None or holding in case.name else []
    coverage = suite.coverage()
    findings = () if holding else tuple(suite.uncovered(coverage))
    return SuiteResult(stem, str(path), tuple(cases), coverage, findings, () if holding else suite.strangers)


@dataclass(frozen=True)
class Suite:
    """One suite, ready to be judged. ``policy`` is None for the suite of the whole bundle."""

    bundle: Bundle
    document: SuiteDocument
    policy: str | None
    records: Mapping[str, Prepared]
    operator_without_units: bool
    _seen: dict[str, set[bool]] = field(default_factory=dict)

    @classmethod
    def read(cls, bundle: Bundle, stem: str, path: Path, *, operator_without_units: bool) -> "Suite":
        """Read a suite file and accept its records as a load would. Raises PolicyError."""
        document = load_suite(path)
        policy = _policy_beside(bundle, document, stem, path)
        intake = Intake(bundle.registry)
        records: dict[str, Prepared] = {}
        findings: list[Finding] = []
        for name, record in document.records.items():
            accepted = intake.accept(record.kind.text, record.record)
            if isinstance(accepted, Prepared):
                records[name] = accepted
            else:
                findings += [_refused(document, name, reject) for reject in accepted]
        if findings:
            raise PolicyError(findings)
        return cls(bundle, document, policy, records, operator_without_units)

    def cases(self, witness: "Witness | None" = None) -> Iterator[Case]:
        """Judge every caller before every record that the policy speaks of."""
        for name, caller in self.callers.items():
            judged = {kind: self._judged(kind, caller) for kind in {record.kind for record in self.records.values()}}
            for record in self.records:
                one = judged[self.records[record].kind]
                if one is not None:
                    yield self._case(name, record, one, witness)

    @cached_property
    def callers(self) -> Mapping[str, Caller]:
        """The callers with the authority that the suite's own catalogue records give them."""
        return {name: self._caller(claims) for name, claims in self.document.callers.items()}

    @property
    def strangers(self) -> tuple[str, ...]:
        """The callers of tenants that no record is of."""
        tenants = {record.tenant for record in self.records.values()}
        return tuple(name for name, caller in self.callers.items() if caller.tenant not in tenants)

    def coverage(self) -> tuple[Coverage, ...]:
        """What the cases judged so far have seen of each rule of the suite's policy."""
        constant: dict[str, bool] = {}
        for policies in self.bundle.kinds.values():
            for rule in policies.rules:
                if rule.policy == self.policy:
                    constant[rule.name] = rule.constant
        return tuple(Coverage(rule, fixed, frozenset(self._seen.get(rule, ()))) for rule, fixed in constant.items())

    def uncovered(self, coverage: Sequence[Coverage]) -> Iterator[Finding]:
        """A finding for every answer that no case has seen."""
        source = self.document.source
        for rule in coverage:
            for value in rule.missing:
                answer = str(value).lower()
                message = f"no case sees the rule {rule.rule!r} {answer}; add a caller or a record that does"
                yield source.finding(self.document.name.at, message)

    def _judged(self, kind: str, caller: Caller) -> Explainer | None:
        """Who answers for a kind; None when the policy does not speak of it: such records only set the scene."""
        policies = self.bundle.kinds[kind]
        if self.policy is None:
            return Explainer(policies, caller)
        own = own_policies(policies, self.policy)
        return Explainer(own, caller) if any(policy.name == self.policy for policy in own.policies) else None

    def _case(self, caller: str, name: str, explainer: Explainer, witness: "Witness | None") -> Case:
        record = self.records[name]
        view = policy_view(explainer.policies.kind, orjson.loads(record.doc))
        answer = explainer.answer(view, record.tenant, self.document.now_ms)
        visible = answer.visible if self.policy is None else answer.same_tenant and _admitted(answer)
        failures = list(self._demands(caller, name, answer, visible))
        failures += self._by_label(record, explainer, answer)
        if answer.same_tenant or self.policy == WALL:
            for rule in answer.rules:
                if rule.value is not None and rule.rule.policy == self.policy:
                    self._seen.setdefault(rule.rule.name, set()).add(rule.value)
            failures += self._disagreements(witness, explainer, answer, view, record.tenant)
        return Case(self._name, caller, name, visible, tuple(failures))

    def _demands(self, caller: str, record: str, answer: Answer, visible: bool) -> Iterator[str]:
        """What is not as the suite demands."""
        if visible != (record in self.document.expect.get(caller, ())):
            yield f"is {'visible' if visible else 'hidden'}: {_because(answer)}"
        masked = answer.redacted if visible else frozenset()
        wanted = self.document.redacted.get((caller, record), frozenset())
        if masked != wanted:
            yield f"masked are {_listed(masked)}, not {_listed(wanted)}"
        errors = {self._rule_name(rule): rule.error for rule in answer.rules if rule.error and answer.same_tenant}
        listed = self.document.errors.get((caller, record), frozenset())
        for name in sorted(errors.keys() - listed):
            yield f"the rule {name} ends in an error: {errors[name]} (guard it, or list it under errors)"
        for name in sorted(listed - errors.keys()):
            yield f"the rule {name} should end in an error and does not"

    def _by_label(self, record: Prepared, explainer: Explainer, answer: Answer) -> Iterator[str]:
        """The verdict of the record's label must be the verdict of the record, or leave it open."""
        if not answer.same_tenant:
            return
        authority = Authority(explainer.policies, explainer.caller)
        label = orjson.loads(record.label)
        verdict = authority.label.verdict(label, authority.tenant, 0)
        if verdict != "depends" and (verdict == "visible") != _admitted(answer):
            yield f"its label is judged {verdict}, the record is not: this is a defect of sidecar"

    def _disagreements(
        self, witness: "Witness | None", explainer: Explainer, answer: Answer, view: Mapping[str, Any], tenant: Tenant
    ) -> Iterator[str]:
        if witness is None:
            return
        variables = witness.variables(explainer.policies.kind, explainer.caller, view, tenant, self.document.now_ms)
        for rule in answer.rules:
            said = witness.disagreement(rule, variables)
            if said is not None:
                yield said

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        identity = Identity.of(claims)
        own = [record for record in self.records.values() if record.tenant == identity.tenant]
        catalogue = [[orjson.loads(one.doc) for one in own if one.kind == kind] for kind in CATALOGUE_KINDS]
        authority = authority_of(
            identity,
            Catalogue.of(*catalogue),
            self.document.now_ms,
            managed=bool(catalogue[1]),
            operator_without_units=self.operator_without_units,
        )
        return authority.caller

    @property
    def _name(self) -> str:
        return self.document.name.text

    def _rule_name(self, answer: RuleAnswer) -> str:
        return answer.rule.name if self.policy else f"{answer.rule.policy}/{answer.rule.name}"


def _policy_beside(bundle: Bundle, document: SuiteDocument, stem: str, path: Path) -> str | None:
    """The name of the policy that a suite judges; None for the whole bundle. Raises PolicyError."""
    if stem == BUNDLE_SUITE:
        found: str | None = BUNDLE_SUITE
    else:
        beside = path.with_name(f"{stem}.yaml")
        found = next((one.name.text for one in bundle.documents if Path(one.source.path) == beside), None)
    if found is None:
        raise PolicyError([document.source.finding(0, f"there is no {stem}.yaml beside it that it could judge")])
    if document.name.text.replace("_", "-") != found.replace("_", "-"):
        message = f"the suite of {stem}.yaml is named {found!r}, like its policy"
        raise PolicyError([document.source.finding(document.name.at, message)])
    return None if stem == BUNDLE_SUITE else found


def _refused(document: SuiteDocument, name: str, reject: Reject) -> Finding:
    """A record that no load would take, at the place of what is wrong."""
    record = document.records[name]
    node = node_at(record.node, names(reject.pointer)) if reject.kind else record.kind
    where = f"{reject.pointer}: " if reject.pointer else ""
    return document.source.finding(node.at, f"{name}: {where}{reject.message}")


def _admitted(answer: Answer) -> bool:
    return all(policy.admits for policy in answer.policies)


def _because(answer: Answer) -> str:
    """The short reason for a verdict."""
    if not answer.same_tenant:
        return "it belongs to another tenant"
    said = [
        f"{rule.rule.policy}/{rule.rule.name} is {str(rule.value).lower() if rule.error is None else rule.error}"
        for rule in answer.rules
        if rule.rule.effect != "redact"
    ]
    return "; ".join(said) or "no policy speaks of its kind"


def _listed(names_: frozenset[str]) -> str:
    return ", ".join(sorted(names_)) or "none"
