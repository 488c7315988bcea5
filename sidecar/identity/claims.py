"""The shape in which a caller is written down: in suites, in a command's file, in a question over HTTP."""

from collections.abc import Mapping
from typing import Any

from sidecar.validated import schema_of


def claims_schema() -> dict[str, Any]:
    """The JSON Schema of a caller's claims, as suites have it."""
    suite = schema_of("suite")
    return {**suite["properties"]["callers"]["additionalProperties"], "$defs": suite["$defs"]}


def tenant_schema() -> Mapping[str, Any]:
    """The JSON Schema of a tenant inside it."""
    schema: Mapping[str, Any] = claims_schema()["properties"]["tenant"]
    return schema
