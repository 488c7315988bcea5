"""The door: a record becomes canonical, is validated, projected and made ready to be stored, or is refused."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from typing import Any

import jsonschema_rs
import orjson

from sidecar.errors import Reject, StoreError
from sidecar.records.canonical import Notes, walk_of
from sidecar.records.enterprise import FIELDS, ScopeFault
from sidecar.records.explain import Explainer
from sidecar.records.kind import Kind, Kinds
from sidecar.records.places import at, names
from sidecar.records.prepare import Faults, Preparer, fitted
from sidecar.records.projection import Projected, lost_scope, projection_of
from sidecar.records.store import Prepared


class Intake:
    """Accepts records of every kind. ``dropped`` counts by kind the undeclared properties left out so far.

    With ``assume_unscoped`` a run of which nobody knows the scope any more is taken for nobody's.
    """

    def __init__(self, kinds: Kinds, *, assume_unscoped: bool = False) -> None:
        self._kinds = kinds
        self._assume_unscoped = assume_unscoped
        self._gates: dict[str, _Gate] = {}
        self.dropped: Counter[str] = Counter()

    def accept(
        self, kind: str, record: object, *, line: int = 1, default_tenant: bool = False
    ) -> Prepared | list[Reject]:
        """The record ready to be stored, or everything that is wrong with it.

        ``record`` is what ``strict.read_json`` returned. ``line`` is where it was read. With ``default_tenant`` a
        record without a tenant belongs to the local one, where its schema says so; else it is refused.
        """
        if not isinstance(kind, str) or kind not in self._kinds:
            return [Reject(line, kind if isinstance(kind, str) else None, "", self._unknown(kind))]
        notes = Notes()
        result = self._gate(kind).accept(record, notes, line, default_tenant)
        if isinstance(result, Prepared):
            if notes.dropped:
                self.dropped[kind] += notes.dropped
                return result._replace(dropped=notes.dropped)
            return result
        return [Reject(line, kind, pointer, message) for pointer, message in result]

    def heir(self, kind: str, source: bytes, line: int) -> Callable[[bytes | None], Prepared]:
        """What a run that was accepted with this source inherits, for whoever kept the source alone."""
        return self._gate(kind).heir(source, line)

    def _gate(self, kind: str) -> "_Gate":
        gate = self._gates.get(kind)
        if gate is None:
            gate = self._gates[kind] = _Gate(self._kinds[kind], assume_unscoped=self._assume_unscoped)
        return gate

    def _unknown(self, kind: object) -> str:
        near = get_close_matches(kind, self._kinds, 1) if isinstance(kind, str) else []
        return f"there is no kind {kind!r}" + (f"; did you mean {near[0]!r}?" if near else "")


class _Form:
    """One schema: its walk, its validator, its explanations."""

    def __init__(self, schema: Mapping[str, Any], shared: Collection[str]) -> None:
        self._schema = schema
        self.walk = walk_of(schema, shared)
        self._valid = jsonschema_rs.validator_for(dict(schema), pattern_options=jsonschema_rs.RegexOptions()).is_valid
        self._explainer: Explainer | None = None

    def faults(self, record: object, inexact: bool) -> Faults:
        """What is wrong with a record in canonical form; ``inexact`` says that a float stands for an integer."""
        if not inexact and self._valid(record):
            return []
        if self._explainer is None:
            self._explainer = Explainer(self._schema)
        return self._explainer.faults(record) or [("", "does not match its schema")]


class _Gate:
    """The door of one kind."""

    def __init__(self, kind: Kind, *, assume_unscoped: bool) -> None:
        self._kind = kind
        self._assume_unscoped = assume_unscoped
        self._projection = projection_of(kind)
        shared = {names(pointer)[0] for pointer in kind.label}
        self._served = _Form(kind.schema, shared)
        self._source = _Form(kind.source_schema, shared) if self._projection.project else self._served
        path = names(self._projection.tenant or kind.tenant)
        self._owner, self._tenant = path[:-1], path[-1]
        self._preparer = Preparer(kind)

    def accept(self, record: object, notes: Notes, line: int, default_tenant: bool) -> Prepared | Faults:
        """The prepared record, or what is wrong."""
        if record.__class__ is not dict:
            return [("", "a record is a JSON object")]
        raw: dict[str, Any] = record
        if not default_tenant and _lacks(at(raw, self._owner), self._tenant):
            return [("/" + "/".join((*self._owner, self._tenant)), "is required: a record says whose it is")]
        if self._projection.complete is not None:
            raw = self._projection.complete(raw)
        source = self._source.walk(raw, notes)
        faults = self._source.faults(source, notes.inexact)
        if faults:
            return faults
        if self._projection.project is None:
            return self._preparer.prepare(source, line)
        return self._through(source, line)

    def _through(self, source: dict[str, Any], line: int) -> Prepared | Faults:
        """A valid source record, projected."""
        assert self._projection.project is not None
        try:
            projected = self._projection.project(source)
        except ScopeFault as error:
            return [(error.pointer, error.message)]
        notes = Notes()
        run = self._served.walk(projected.record, notes)
        faults = self._served.faults(run, notes.inexact)
        if faults:
            return [(_origin(projected, pointer), message) for pointer, message in faults]
        if self._projection.settle is not None:
            run = self._projection.settle(run)
        kept = fitted(orjson.dumps(source, option=orjson.OPT_SORT_KEYS))
        inherits = self._projection.scope_goes and "automation_snapshot" not in source
        return self._preparer.prepare(run, line, kept, self.heir(kept, line) if inherits else None)

    def heir(self, source: bytes, line: int) -> Callable[[bytes | None], Prepared]:
        """The same run with the scope and definition of the stored one, for an engine drops both when a run ends.

        They are written into the source, so that a later promotion finds them there. Of one that is not stored any
        more nobody knows the scope.
        """

        def inherit(stored: bytes | None) -> Prepared:
            run: dict[str, Any] = orjson.loads(source)
            if stored is None:
                unknown = lost_scope(run) and not self._assume_unscoped
                return self._same({**run, "scope_unknown": unknown or run["scope_unknown"]}, line)
            known: dict[str, Any] = orjson.loads(stored)
            scope = {name: known["scope"][name] for name in FIELDS if name in known["scope"]}
            heir = {**run, "scope_unknown": scope.get("owning_org_unit_id") == ""}
            for name in ("workflow_definition_version", "workflow_definition_snapshot_hash"):
                if name in known:
                    heir.setdefault(name, known[name])
            if scope and not heir["scope_unknown"]:
                heir["automation_snapshot"] = {"metadata": {"enterprise_scope": scope}}
            return self._same(heir, line)

        return inherit

    def _same(self, heir: dict[str, Any], line: int) -> Prepared:
        """A run that was accepted, with another scope. Raises StoreError when that was stored and does not validate."""
        result = self._through(heir, line)
        if not isinstance(result, Prepared):
            raise StoreError(f"the stored scope of run {heir['run_id']!r} does not validate: {result[0][1]}")
        return result


def _lacks(parent: Any, name: str) -> bool:
    """Whether a name is missing where all before it are there."""
    return parent.__class__ is dict and name not in parent


def _origin(projected: Projected, pointer: str) -> str:
    """Where in the source a projected record's pointer comes from; the pointer itself when it is not of the scope."""
    for prefix, origin in projected.origins.items():
        if pointer == prefix or pointer.startswith(prefix + "/"):
            return origin + pointer.removeprefix(prefix)
    return pointer
