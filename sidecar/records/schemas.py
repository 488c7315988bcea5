"""The kinds, read from their files: a kind is a schema file and nothing else."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from sidecar.errors import ConfigError, Finding, SchemaError
from sidecar.records.annotations import annotated
from sidecar.records.kind import Kind, Kinds
from sidecar.records.schema_files import SUFFIX, SchemaFile, inlined, read_schema, schema_paths
from sidecar.shipped import shipped

# Raise it when records of an unchanged schema are to be promoted again: the projection or the canonical form changed.
_FORM = 1


def shipped_schemas() -> Path:
    """The folder of the product's own schemas."""
    return shipped("schemas")


def load_kinds(folders: Sequence[Path]) -> Kinds:
    """Read every ``K.schema.json`` of the folders (of their ``records/`` where they have one).

    Raises ConfigError for a folder that is not there, SchemaError with everything that is wrong in the files.
    """
    common = read_schema(shipped_schemas() / f"common{SUFFIX}")
    kinds: dict[str, Kind] = {}
    paths: dict[str, Path] = {}
    findings: list[Finding] = []
    for path in schema_paths([_records_folder(folder) for folder in folders]):
        name = path.name.removesuffix(SUFFIX)
        if name in paths:
            findings.append(Finding(str(path), 0, 0, f"the kind {name!r} is already defined by {paths[name]}"))
            continue
        paths[name] = path
        try:
            kinds[name] = read_kind(path, common)
        except SchemaError as error:
            findings += error.findings
    if findings:
        raise SchemaError(findings)
    return Kinds(kinds)


def load_schema(path: Path) -> dict[str, Any]:
    """A schema that is no kind (the caller's), its references inlined. Raises SchemaError."""
    return inlined(read_schema(path), read_schema(shipped_schemas() / f"common{SUFFIX}"))


def read_kind(path: Path, common: SchemaFile) -> Kind:
    """Read one kind. Raises SchemaError."""
    file = read_schema(path)
    source = inlined(file, common)
    annotation = source.pop("x-sidecar", None)
    if not isinstance(annotation, dict):
        raise SchemaError([file.finding("", 'a kind needs an annotation: "x-sidecar": {"id": […], "tenant": …, …}')])
    serves = annotation.get("serves")
    served = inlined(file, common, start=serves) if isinstance(serves, str) else source
    found = annotated(file, annotation, served, source, shipped_schemas() / f"kind{SUFFIX}")
    digest = hashlib.sha256(orjson.dumps([_FORM, annotation, served, source], option=orjson.OPT_SORT_KEYS))
    return Kind(
        name=path.name.removesuffix(SUFFIX), schema=served, source_schema=source, digest=digest.hexdigest(), **found
    )


def _records_folder(folder: Path) -> Path:
    if not folder.is_dir():
        raise ConfigError(f"no folder of schemas at {folder}")
    records = folder / "records"
    return records if records.is_dir() else folder
