"""Base64, the encoding that is an extension of CEL."""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

from sidecar.cel import sentences
from sidecar.cel.errors import EvaluationError


def _decode(text: str) -> bytes:
    """The bytes of a text, whose padding may be left out."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise EvaluationError(sentences.bad_conversion(text, "bytes, it is no base64")) from None


SIGNATURES = "base64.encode(bytes) string; base64.decode(string) bytes"
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "base64.encode": lambda value: base64.b64encode(value).decode(),
    "base64.decode": _decode,
}
