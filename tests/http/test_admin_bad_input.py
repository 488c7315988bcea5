"""What no record may be: each refused at its line and pointer, with a sentence, and nothing of its body stored."""

import gzip
import json
import math
import secrets
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from offered import OPERATOR, RECORDS, audit, line, stored, wait
from serving import Served

pytestmark = pytest.mark.usefixtures("store_name")

DEEP = b"[" * 100_000

_WAIT = orjson.dumps(wait())


def spoiled(name: str, value: bytes) -> bytes:
    """A wait with one more member, written as it stands."""
    return _WAIT[:-1] + b',"' + name.encode() + b'":' + value + b"}"


def replaced(old: bytes, new: bytes) -> bytes:
    """A wait with a part of its text replaced."""
    assert old in _WAIT
    return _WAIT.replace(old, new)


BAD: dict[str, tuple[bytes, str, str]] = {
    "half a record": (_WAIT[:-5], "", "not a JSON string"),
    "a comma too many": (_WAIT[:-1] + b",}", "", "comma"),
    "two values": (_WAIT + b"{}", "", ""),
    "single quotes": (replaced(b'"timer"', b"'timer'"), "/wait_kind", "not JSON"),
    "a list": (b"[1]", "", "object"),
    "null": (b"null", "", "object"),
    "a text for an integer": (replaced(b":20", b':"20"'), "/updated_at_ms", "an integer"),
    "an integer for a text": (replaced(b'"timer"', b"5"), "/wait_kind", "a text"),
    "a float for an integer": (replaced(b":20", b":20.0"), "/updated_at_ms", "an integer"),
    "true for an integer": (replaced(b":20", b":true"), "/updated_at_ms", "an integer"),
    "null for a text": (replaced(b'"timer"', b"null"), "/wait_kind", "text"),
    "an unknown word": (replaced(b'"waiting"', b'"wating"'), "/status", "did you mean 'waiting'"),
    "no id": (replaced(b'"wait_id":"w",', b""), "/wait_id", "required"),
    "an integer above 2^63-1": (replaced(b":20", b":9223372036854775808"), "/updated_at_ms", "2^63-1"),
    "an integer of 5,000 digits": (replaced(b":20", b":" + b"9" * 5_000), "/updated_at_ms", "5000 characters"),
    "a negative time": (replaced(b":20", b":-1"), "/updated_at_ms", "0 or more"),
    "NUL, escaped": (replaced(b'"r"', b'"r\\u0000"'), "/run_id", "U+0000"),
    "NUL, as it stands": (replaced(b'"r"', b'"r\x00"'), "/run_id", "string"),
    "a lone surrogate, escaped": (replaced(b'"r"', b'"\\ud800"'), "/run_id", "surrogate"),
    "a lone surrogate, in bytes": (replaced(b'"r"', b'"\xed\xa0\x80"'), "", "UTF-8"),
    "no UTF-8": (replaced(b'"r"', b'"\xff"'), "", "UTF-8"),
    "a name twice": (spoiled("run_id", b'"other"'), "/run_id", "twice"),
    "a name twice, deep": (spoiled("wake_payload", b'{"a":{"b":1,"b":2}}'), "/wake_payload/a/b", "twice"),
    "NaN": (replaced(b":20", b":NaN"), "/updated_at_ms", "NaN"),
    "infinity": (replaced(b":20", b":-Infinity"), "/updated_at_ms", "Infinity"),
    "1e999": (replaced(b":20", b":1e999"), "/updated_at_ms", "1e999"),
    "100,000 brackets": (spoiled("metadata", DEEP), "/metadata", "deeper than 64"),
    "100,000 brackets, closed": (spoiled("metadata", DEEP + b"]" * 100_000), "/metadata", "deeper than 64"),
    "objects of 40 levels closed wrongly": (spoiled("metadata", b'{"a":' * 40 + b"]"), "/metadata", "not JSON"),
}


@pytest.mark.parametrize("name", BAD)
async def test_bad_line(served: Served, tmp_path: Path, name: str) -> None:
    """A bad record among good ones is told at its line and pointer, and none of them is stored."""
    text, pointer, word = BAD[name]
    body = line("wait", wait("a")) + b'{"kind":"wait","record":' + text + b"}\n" + line("wait", wait("b"))
    answer = await served.admin("POST", RECORDS, body)
    assert (answer.status, answer.body["error"]) == (422, "invalid_records")
    [reject] = answer.body["rejected"]
    assert (reject["line"], answer.body["rejected_count"]) == (2, 1)
    assert word in reject["message"]
    assert reject["pointer"].removeprefix("/record").startswith(pointer)
    assert stored(tmp_path, "wait") == []


@pytest.mark.parametrize("name", BAD)
async def test_bad_record(served: Served, tmp_path: Path, name: str) -> None:
    """The same records are refused one by one, at the same pointers."""
    text, pointer, word = BAD[name]
    answer = await served.admin("PUT", RECORDS + "/wait/r/w", text)
    assert (answer.status, answer.body["error"]) == (422, "invalid_records")
    [reject] = answer.body["rejected"]
    assert (reject["line"], reject["kind"]) == (1, "wait")
    assert word in reject["message"]
    assert reject["pointer"].startswith(pointer)
    assert stored(tmp_path, "wait") == []


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (b"{}", "kind"),
        (b"[]", "kind"),
        (b'"wait"', "kind"),
        (b'{"kind":"wait"}', "record"),
        (b'{"record":{}}', "kind"),
        (b'{"kind":"wait","record":{},"id":"w"}', "id"),
        (b'{"kind":null,"record":{}}', "None"),
        (b'{"kind":["wait"],"record":{}}', "wait"),
        (b'{"kind":"","record":{}}', "''"),
        (b'{"kind":"wait","kind":"wait","record":{}}', "twice"),
        (b'{"kind":"../../etc","record":{}}', "there is no kind"),
        (b"not json", "not JSON"),
        (b"\xef\xbb\xbf" + line("wait", wait()), "byte-order mark"),
        (b"\x00", ""),
        (DEEP, "64"),
    ],
)
async def test_bad_shape(served: Served, text: bytes, word: str) -> None:
    """A line that is no kind with its record is refused with what would be right."""
    answer = await served.admin("POST", RECORDS, b"\n" + text)
    assert answer.status == 422
    told = " ".join(reject["message"] + reject["pointer"] for reject in answer.body["rejected"])
    assert word in told
    assert {reject["line"] for reject in answer.body["rejected"]} == {2}


async def test_several_faults_of_one_record(served: Served) -> None:
    """Everything wrong with a record is told at once, each at its pointer."""
    answer = await served.admin("POST", RECORDS, line("wait", wait(status=1, wait_kind=2, created_at_ms="3")))
    assert {reject["pointer"] for reject in answer.body["rejected"]} == {"/status", "/wait_kind", "/created_at_ms"}
    assert {(reject["line"], reject["kind"]) for reject in answer.body["rejected"]} == {(1, "wait")}


async def test_a_packed_bomb_is_not_unpacked(served: Served) -> None:
    """A small body that would unpack to 100 MB is refused by its header."""
    bomb = gzip.compress(b" " * 100_000_000, 1)
    for method, path in (("POST", RECORDS), ("PUT", RECORDS + "/wait/r/w")):
        answer = await served.admin(method, path, bomb, headers={"Content-Encoding": "gzip"})
        assert (answer.status, answer.body["error"]) == (415, "unsupported_media_type")


ANY = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(said=some.binary(max_size=200) | ANY.map(lambda value: repr(value).encode("utf-8", "surrogatepass")))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_nothing_sent_is_a_5xx(served: Served, said: bytes) -> None:
    """Whatever bytes come, as a body or as a record, the answer is a refusal and never a failure."""
    for method, path in (("POST", RECORDS), ("PUT", RECORDS + "/wait/r/w")):
        answer = await served.admin(method, path, said)
        assert answer.status in (200, 422), (said, answer.raw)
        assert answer.status == 422 or not said.strip(b" \t\r\n")


@given(payload=some.dictionaries(some.text(max_size=8), ANY, max_size=4))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_what_is_kept_comes_back(served: Served, payload: object) -> None:
    """A payload of any JSON is refused, or comes back as it was sent, down to its types."""
    audit_id = secrets.token_hex(8)
    text = json.dumps({"kind": "protected_audit_event", "record": audit(audit_id, payload=payload)})
    answer = await served.admin("POST", RECORDS, text.encode())
    assert answer.status == (422 if unclean(payload) else 200), answer.raw
    if answer.status == 200:
        shown = await served.get(f"/v1/records/protected_audit_event/{audit_id}", OPERATOR)
        assert repr(sorted_(shown["record"]["payload"])) == repr(sorted_(payload))


def unclean(value: Any) -> bool:
    """Whether a value holds what no store keeps."""
    if isinstance(value, dict):
        return any(unclean(name) or unclean(item) for name, item in value.items())
    if isinstance(value, list):
        return any(unclean(item) for item in value)
    if isinstance(value, float):
        return not math.isfinite(value)
    return not -(2**63) <= value < 2**63 if isinstance(value, int) else isinstance(value, str) and "\0" in value


def sorted_(value: Any) -> Any:
    """A value with its names in one order."""
    if isinstance(value, dict):
        return {name: sorted_(value[name]) for name in sorted(value)}
    return [sorted_(item) for item in value] if isinstance(value, list) else value
