"""The bundle: every policy compiled for each kind it applies to. Immutable, named by the hash of what it is made of."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from sidecar.cel import type_from_schema
from sidecar.errors import Finding, PolicyError
from sidecar.policy.compiling import Parsed, Problems, Typing, compiled_policy
from sidecar.policy.folder import meant
from sidecar.policy.load import PolicyDocument, load_policy
from sidecar.policy.rules import KindPolicies, Rule
from sidecar.policy.sense import refuse_senseless
from sidecar.policy.steps import Steps, whole
from sidecar.records.kind import Kinds
from sidecar.records.schemas import load_schema, shipped_schemas
from sidecar.validated import nearest

SUITE_SUFFIX = "_test.yaml"
BUNDLE_SUITE = "bundle"
_FORM = 1
"""Raised when the same files come to decide otherwise, so that the revision tells."""


@dataclass(frozen=True)
class Bundle:
    """The compiled policies of every kind. ``notes`` name kinds that nobody sees and policies that no suite proves."""

    revision: str
    kinds: Mapping[str, KindPolicies]
    registry: Kinds
    documents: tuple[PolicyDocument, ...]
    folders: tuple[Path, ...]
    notes: tuple[Finding, ...]

    def of(self, kind: str) -> KindPolicies | None:
        """The policies of a kind; None when the kind is unknown or nothing but the wall speaks of it."""
        found = self.kinds.get(kind)
        return found if found is not None and found.covered else None

    def suites(self) -> Iterator[tuple[str, Path]]:
        """The suite files beside the policies, each with the stem of the policy it judges."""
        for path in (path for folder in self.folders for path in sorted(folder.glob(f"*{SUITE_SUFFIX}"))):
            yield path.name.removesuffix(SUITE_SUFFIX), path

    def judging(self) -> Iterator[Finding]:
        """For every rule whether it is judged once per label or record by record, and why; a note at its place."""
        for rule, kinds in _grouped(self.kinds).items():
            policy, name = rule
            first, why = kinds[0], _why(kinds)
            how = f"judged record by record, because {why}" if why else "judged once per label"
            finding = first[1].expression.finding(0, f"{policy}/{name}: {how}")
            yield Finding(finding.path, finding.line, finding.column, finding.message, severity="note")


def build(folders: Sequence[Path], kinds: Kinds, *, labels_only: bool = False) -> Bundle:
    """Read and compile every policy of the folders; together they are the bundle. No suite runs.

    With ``labels_only`` a rule that has to be judged record by record is an error. Raises ConfigError for a folder that
    is not there or may not be read, PolicyError with every finding in every file.
    """
    return whole(building(folders, kinds, labels_only=labels_only))


def building(folders: Sequence[Path], kinds: Kinds, *, labels_only: bool = False) -> Steps[Bundle]:
    """As ``build``, kind by kind."""
    problems = Problems()
    documents = tuple(_documents(folders, problems))
    _check_names(documents, kinds, problems)
    caller = load_schema(shipped_schemas() / "caller.schema.json")
    caller_type = type_from_schema(caller, "caller")
    parsed = [Parsed(document, problems) for document in documents]
    compiled: dict[str, KindPolicies] = {}
    for name, kind in kinds.items():
        yield
        typing = Typing.of(kind, caller_type)
        policies = [compiled_policy(one, typing, problems) for one in parsed if _applies(one.policy, name)]
        compiled[name] = KindPolicies(kind, tuple(policies))
    refuse_senseless(compiled, problems)
    if labels_only:
        _refuse_beyond(compiled, problems)
    if problems.kinds:
        raise PolicyError(sorted(problems.findings(), key=lambda found: (found.path, found.line, found.column)))
    revision = _revision(documents, kinds, caller)
    notes = tuple(_notes(documents, compiled, folders))
    return Bundle(revision, compiled, kinds, documents, tuple(folders), notes)


def _documents(folders: Sequence[Path], problems: Problems) -> Iterator[PolicyDocument]:
    """Every policy file, suites aside. A file that looks meant and is not read is a problem: policies only narrow."""
    named = {folder.resolve() for folder in folders}
    for folder in folders:
        paths: list[Path] = []
        for path in meant(folder):
            own = path.parent == folder
            if path.name != path.name.encode("utf-8", "replace").decode():
                problems.add(Finding(str(path), 0, 0, "is not read: its name is not UTF-8; rename it"))
            elif own and path.suffix == ".yaml":
                paths += [] if path.name.endswith(SUITE_SUFFIX) else [path]
            elif own or path.parent.resolve() not in named:
                message = f"is not read: a policy file ends in .yaml and lies in {folder} itself"
                problems.add(Finding(str(path), 0, 0, message))
        if not paths:
            problems.add(Finding(str(folder), 0, 0, "holds no policy (a file that ends in .yaml)"))
        for path in paths:
            try:
                yield load_policy(path)
            except PolicyError as error:
                for finding in error.findings:
                    problems.add(finding)


def _check_names(documents: Sequence[PolicyDocument], kinds: Kinds, problems: Problems) -> None:
    """Policies are named once, and the kinds they name exist."""
    seen: dict[str, PolicyDocument] = {}
    for document in documents:
        name, source = document.name, document.source
        if name.text in seen:
            first = seen[name.text].source.path
            problems.add(source.finding(name.at, f"a policy {name.text!r} is already in {first}"))
        if name.text == BUNDLE_SUITE:
            message = f"{BUNDLE_SUITE!r} names the suite of all policies; name it otherwise"
            problems.add(source.finding(name.at, message))
        seen.setdefault(name.text, document)
        for kind in document.applies_to or ():
            if kind.text not in kinds:
                meant = nearest(kind.text, kinds) or "; name the folder of its schema in schemas (--schemas)"
                problems.add(source.finding(kind.at, f"there is no kind {kind.text!r}{meant}"))
        for kind in (kind for rule in document.rules for kind in rule.kinds or ()):
            if kind.text not in kinds or not _applies(document, kind.text):
                named = [known for known in kinds if _applies(document, known)]
                near = nearest(kind.text, named)
                problems.add(source.finding(kind.at, f"the policy does not apply to a kind {kind.text!r}{near}"))


def _applies(document: PolicyDocument, kind: str) -> bool:
    return document.applies_to is None or any(name.text == kind for name in document.applies_to)


def _refuse_beyond(compiled: Mapping[str, KindPolicies], problems: Problems) -> None:
    for policies in compiled.values():
        for rule in policies.rules:
            if rule.beyond:
                why = _reading(rule.beyond)
                message = f"the configuration says judging: labels-only, but {rule.name!r} reads {why}"
                problems.add(rule.expression.finding(0, message), policies.kind.name)


def _notes(
    documents: Sequence[PolicyDocument], compiled: Mapping[str, KindPolicies], folders: Sequence[Path]
) -> Iterator[Finding]:
    """What a policy author should know, and what fails a test run: what nobody sees, and what nothing proves."""
    for document in documents:
        path = Path(document.source.path)
        if not path.with_name(path.stem + SUITE_SUFFIX).is_file():
            yield Finding(str(path), 0, 0, f"has no suite; write {path.stem}{SUITE_SUFFIX} beside it", severity="note")
    for name, policies in compiled.items():
        if not policies.covered:
            message = f"no policy covers the kind {name!r}, so nobody sees its records"
            yield Finding(str(folders[0]), 0, 0, message, severity="note")


def _grouped(kinds: Mapping[str, KindPolicies]) -> dict[tuple[str, str], list[tuple[str, Rule]]]:
    grouped: dict[tuple[str, str], list[tuple[str, Rule]]] = {}
    for kind, policies in kinds.items():
        for rule in policies.rules:
            grouped.setdefault((rule.policy, rule.name), []).append((kind, rule))
    return grouped


def _why(kinds: Sequence[tuple[str, Rule]]) -> str:
    """What takes a rule beyond labels, and for which of its kinds when not for all."""
    by_reason: dict[tuple[str, ...], list[str]] = {}
    for kind, rule in kinds:
        if rule.beyond:
            by_reason.setdefault(rule.beyond, []).append(kind)
    reasons = []
    for beyond, names in by_reason.items():
        only = "" if len(names) == len(kinds) else f" (of {', '.join(names)})"
        reasons.append(f"it reads {_reading(beyond)}{only}")
    return " and ".join(reasons)


def _reading(beyond: Sequence[str]) -> str:
    return " and ".join("the clock (now_ms)" if path == "now_ms" else path for path in beyond)


def _revision(documents: Sequence[PolicyDocument], kinds: Kinds, caller: Mapping[str, object]) -> str:
    """The hash over everything a decision rests on: the policies' text and the kinds."""
    texts = sorted((Path(document.source.path).name, document.source.text) for document in documents)
    parts = [_FORM, texts, sorted((name, kind.digest) for name, kind in kinds.items()), caller]
    return "sha256:" + hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()
