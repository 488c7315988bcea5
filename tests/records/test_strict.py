"""What the strict reader refuses, and that it reads everything else as the standard library does."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.records.places import BadJson
from sidecar.records.strict import fault_in, read_json

BAD = [
    pytest.param(b'{"a": 1', "", "missing before the end", id="cut off"),
    pytest.param(b"", "", "text ends", id="empty"),
    pytest.param(b'{"a":}', "/a", "is not JSON", id="no value"),
    pytest.param(b'{"a":1,}', "", "nothing follows the comma", id="comma before a brace"),
    pytest.param(b"[1,]", "", "nothing follows the comma", id="comma before a bracket"),
    pytest.param(b"{a:1}", "", "double quotes", id="bare name"),
    pytest.param(b"1 2", "", "something follows", id="two values"),
    pytest.param(b'{"a":{"b":1,"b":1}}', "/a/b", "given twice", id="name twice"),
    pytest.param(b'{"a~/":1,"a~\\u002f":1}', "/a~0~1", "given twice", id="name twice, escaped"),
    pytest.param(b'{"a":[NaN]}', "/a/0", "NaN is not JSON", id="NaN"),
    pytest.param(b"[-Infinity]", "/0", "-Infinity is not JSON", id="infinity"),
    pytest.param(b"[1e999]", "/0", "too great", id="1e999"),
    pytest.param(b"[9223372036854775808]", "/0", "outside the integers", id="2^63"),
    pytest.param(b"[-9223372036854775809]", "/0", "outside the integers", id="below -2^63"),
    pytest.param(b"[18446744073709551616]", "/0", "outside the integers", id="2^64"),
    pytest.param(b"[" + b"9" * 5000 + b"]", "/0", "(5000 characters)", id="5,000 digits"),
    pytest.param(b'["\\u0000"]', "/0", "U+0000", id="NUL"),
    pytest.param(b'{"a":{"x\\u0000":1}}', "/a", "U+0000", id="NUL in a name"),
    pytest.param(b'["\x00"]', "/0", "is not a JSON string", id="raw NUL"),
    pytest.param(b'{"a":"\\ud800"}', "/a", "surrogate", id="half a pair"),
    pytest.param(b'{"a":"\\udc00\\ud800"}', "/a", "surrogate", id="a pair the wrong way round"),
    pytest.param(b'["\\x"]', "/0", "is not a JSON string", id="unknown escape"),
    pytest.param(b"[01]", "/0", "01 is not JSON", id="leading zero"),
    pytest.param(b"[+1]", "/0", "+1 is not JSON", id="plus sign"),
    pytest.param(b"[1.]", "/0", "1. is not JSON", id="dot without digits"),
    pytest.param(b"[True]", "/0", "True is not JSON", id="Python's True"),
    pytest.param(b"\xef\xbb\xbf{}", "", "byte-order mark", id="byte-order mark"),
    pytest.param(b'{"a":"\xff"}', "", "is not UTF-8", id="no UTF-8"),
    pytest.param(b'{\n  "a": 1,\n  "a": 1\n}', "/a", "given twice", id="name twice, indented"),
    pytest.param(b'[\n  "\\u0000"\n]', "/0", "U+0000", id="NUL, indented"),
    pytest.param(b"[\n  9223372036854775808\n]", "/0", "outside the integers", id="2^63, indented"),
    pytest.param(b"[" * 65 + b"]" * 65, "/0" * 64, "deeper than 64", id="65 levels"),
    pytest.param(b"[" * 100_000, "/0" * 64, "deeper than 64", id="100,000 brackets"),
    pytest.param(b'{"a":' * 100_000, "/a" * 64, "deeper than 64", id="100,000 braces"),
]


@pytest.mark.parametrize(("data", "pointer", "sentence"), BAD)
def test_what_is_not_exactly_one_clean_value_is_refused_with_its_place(data: Any, pointer: Any, sentence: Any) -> None:
    """Text that readers could take differently, or that no store keeps, is refused, and told where and why."""
    with pytest.raises(BadJson) as caught:
        read_json(data)
    assert caught.value.pointer == pointer
    assert sentence in caught.value.message


@pytest.mark.parametrize(
    "data",
    [
        b"[9223372036854775807,-9223372036854775808]",
        b"[" * 64 + b"]" * 64,
        b'{"a" : [1, 2.50, -0.0, 1E5, true, null], "\\u00e9" : "\\ud83d\\ude00"}',
        b'["a literal \\\\u0000 is six characters"]',
        b" \t\r\n{} \n",
        b'"text"',
        b"[" + b",".join([b"[]"] * 200) + b"]",
    ],
)
def test_what_is_clean_reads_as_the_standard_library_reads_it(data: Any) -> None:
    """At the edges of what is taken, spaces and escapes included, the value is the usual one."""
    assert read_json(data) == json.loads(data)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",))),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(min_codepoint=1, max_codepoint=127)), inner),
    max_leaves=20,
)


@given(VALUES, st.sampled_from([None, 2]), st.booleans())
def test_every_clean_value_survives_however_it_is_written(value: Any, indent: Any, ascii_only: Any) -> None:
    """A clean value reads back the same, whether it was written compact, spaced, escaped or not."""
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert read_json(text.encode()) == value
    assert read_json(orjson.dumps(value)) == value
    assert fault_in(value) is None


@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:\\u0dE+-. 123Na', max_size=60).map(str.encode))
def test_no_text_raises_anything_but_its_own_error(data: Any) -> None:
    """Whatever the bytes, the reader returns what the standard library would, or raises BadJson."""
    try:
        value = read_json(data)
    except BadJson:
        return
    assert value == json.loads(data)
