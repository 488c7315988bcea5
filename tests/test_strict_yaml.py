"""Strict YAML: what a file says is what it looks like, and everything knows where it stands."""

import time

import pytest

from sidecar.errors import FindingsError
from sidecar.strict_yaml import DEEPEST, MOST_BYTES, MOST_NODES, Items, Members, Scalar, Source, read_text

REFUSED = [
    ("anchor", "a: &x 1\n", 1, 4, "anchors (&x)"),
    ("alias", "a: *x\n", 1, 4, "aliases (*x)"),
    ("merge key", "a:\n  <<: {b: 1}\n", 2, 3, "merge keys"),
    ("tag", "a: !!python/name:os.system x\n", 1, 4, "tags (tag:yaml.org,2002:python/name:os.system)"),
    ("plain tag", "a: ! x\n", 1, 4, "tags (!)"),
    (
        "duplicate key",
        "effect: deny\nwhen: x\neffect: allow\n",
        3,
        1,
        "'effect' is given twice; the first is in line 1",
    ),
    ("duplicate key in a flow", "a: {b: 1, b: 2}\n", 1, 11, "'b' is given twice; the first is in line 1, column 5"),
    ("quoted duplicate", "a: 1\n'a': 2\n", 2, 1, "'a' is given twice"),
    ("second document", "a: 1\n---\nb: 2\n", 2, 1, "a second document"),
    ("directive", "%YAML 1.1\n---\na: 1\n", 1, 1, "directives"),
    ("tag directive", "%TAG ! tag:x,2000:\n---\na: 1\n", 1, 1, "directives"),
    ("mapping as key", "{a: 1}: 2\n", 1, 1, "a key is a plain word"),
    ("list as key", "? [a]\n: 2\n", 1, 3, "a key is a plain word"),
    ("nothing", "", 1, 1, "is empty"),
    ("comment only", "# a\n", 1, 1, "is empty"),
    ("tab", "a:\n\t- b\n", 2, 1, "; indent with spaces"),
    ("open quote", "a: 'b\nc: d\n", 1, 4, "; the quote that begins here is never closed"),
    ("line indented too far", "- a: 1\n    b: 2\n", 2, 6, "; indent this line as its neighbours"),
    ("line indented too little", "a:\n  - b: 1\n   c: 2\n", 3, 4, "; indent this line as its neighbours"),
    ("text after a quote", 'a: "b" in c\n', 1, 8, "or quote the whole of a text that holds quotes"),
    ("text that begins with a sign", "a: @b\n", 1, 4, "or quote a text that begins with this"),
    ("rule that begins with a negation", "a: !has(b)\n", 1, 4, "; quote a text that begins with !"),
    ("text that is not indented", "a: |\nfoo\nb: 1\n", 3, 1, "the lines of a text are indented"),
    ("control character", "a: \x01\n", 1, 4, "is not YAML"),
    ("too deep", "[" * 100_000, 1, DEEPEST + 2, f"deeper than {DEEPEST}"),
    ("too many nodes", "- a\n" * (MOST_NODES + 10), MOST_NODES, 3, f"more than {MOST_NODES} nodes"),
]


@pytest.mark.parametrize(
    ("text", "line", "column", "message"), [row[1:] for row in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_what_is_not_strict_is_refused_where_it_stands(text: str, line: int, column: int, message: str) -> None:
    """Whatever makes a file say more than it shows is refused, at its line and column, and fast."""
    started = time.process_time()
    with pytest.raises(FindingsError) as raised:
        read_text("p.yaml", text.encode())
    assert time.process_time() - started < 5
    (finding,) = raised.value.findings
    assert (finding.line, finding.column) == (line, column)
    assert message in finding.message


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"a: \xff", "not UTF-8"), ("a: x".encode("utf-16"), "not UTF-8"), (b"#" * (MOST_BYTES + 1), "bytes long")],
)
def test_a_file_that_is_no_text_or_too_long_is_refused_whole(content: bytes, message: str) -> None:
    """Encoding and size are checked before anything is parsed."""
    with pytest.raises(FindingsError, match=message):
        read_text("p.yaml", content)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        *[(word, word) for word in ("no", "yes", "on", "off", "~", "True", "NULL", "12:30:45", "0x10", "010", "1_000")],
        *[(word, word) for word in (".inf", "1.", "+1", "2024-01-01", "1e999", "9" * 40, "=")],
        *[("1", 1), ("-7", -7), ("1.5", 1.5), ("2e3", 2000.0), ("true", True), ("false", False), ("null", None)],
        *[("", None), ('"1"', "1"), ("'true'", "true"), ('""', "")],
    ],
)
def test_a_plain_scalar_is_json_or_text(written: str, value: object) -> None:
    """Nothing plain turns into something that JSON would not read there; quoting always makes text."""
    _, root = read_text("p.yaml", f"a: {written}\n".encode())
    assert isinstance(root, Members)
    node = root.get("a")
    assert isinstance(node, Scalar)
    assert node.value == value
    assert type(node.value) is type(value)


WRITINGS = [
    ("plain", "e: foo && bar\n"),
    ("plain over lines", "e: foo\n  && bar\n   baz\n"),
    ("single", "e: 'it''s && ''bar'''\n"),
    ("double", 'e: "a \\"q\\" \\u0041 && \\x41\\n b"\n'),
    ("double over lines", 'e: "foo \\\n   && bar\n   baz"\n'),
    ("folded", "e: >\n    foo &&\n    bar\n      more\n\n    end\n"),
    ("folded with indicator", "e: >2-\n   foo &&\n   bar\n"),
    ("literal", "e: |-\n  foo &&\n    bar\n"),
    ("windows lines", "e: >\r\n  foo &&\r\n  bar\r\n"),
    ("after other letters", "é: ü\ne: 'né' && bar\n".replace("'né' && bar", "né && bar")),
]


@pytest.mark.parametrize("text", [row[1] for row in WRITINGS], ids=[row[0] for row in WRITINGS])
def test_every_character_of_a_scalar_is_found_in_its_file(text: str) -> None:
    """However a text is folded or escaped, a place in it is the place in the file that writes it."""
    source, root = read_text("p.yaml", text.encode())
    assert isinstance(root, Members)
    node = root.get("e")
    assert isinstance(node, Scalar)
    last = -1
    for offset, char in enumerate(node.text):
        place = node.place(source, offset)
        assert place >= last
        if not char.isspace() and source.text[place] != "\\":
            assert source.text[place] == char
            assert place > last
        last = place
    assert node.end >= node.place(source, len(node.text)) >= last


def test_a_finding_shows_its_line_and_a_caret() -> None:
    """A finding prints as path:line:column, the line, and a caret below the place."""
    finding = Source("p.yaml", "a: 1\r\nbc: 2\r\n").finding(8, "is wrong")
    assert str(finding) == "p.yaml:2:3: error: is wrong\n    bc: 2\n      ^"


def test_lists_and_mappings_keep_their_order() -> None:
    """A file is read in the order in which it is written."""
    _, root = read_text("p.yaml", b"b: [3, 1]\na: {z: 1, y: 2}\n")
    assert isinstance(root, Members)
    assert list(root.members) == ["b", "a"]
    inner, numbers = root.get("a"), root.get("b")
    assert isinstance(inner, Members)
    assert isinstance(numbers, Items)
    assert list(inner.members) == ["z", "y"]
    assert [item.value for item in numbers.items if isinstance(item, Scalar)] == [3, 1]
