"""How values are written: the lexis of the language definition, case by case."""

from typing import Any

import pytest
from conformance import FAILS, answers, oracle_answer, plain, same

from sidecar.cel import UInt

MIN, MAX, UMAX = -(2**63), 2**63 - 1, 2**64 - 1

CASES: list[tuple[str, Any]] = [
    # null, true, false
    ("null", None),
    ("true", True),
    ("false", False),
    # whole numbers: decimal and hexadecimal, 64 bits
    ("0", 0),
    ("42", 42),
    ("-42", -42),
    ("007", 7),
    ("0x1F", 31),
    ("0XaB", FAILS),
    ("-0x1f", -31),
    ("0x", FAILS),
    ("9223372036854775807", MAX),
    ("9223372036854775808", FAILS),
    ("-9223372036854775808", MIN),
    ("-9223372036854775809", FAILS),
    ("0x7fffffffffffffff", MAX),
    ("0x8000000000000000", FAILS),
    ("-0x8000000000000000", MIN),
    # unsigned ones
    ("0u", UInt(0)),
    ("7U", UInt(7)),
    ("0xFFu", UInt(255)),
    ("18446744073709551615u", UInt(UMAX)),
    ("18446744073709551616u", FAILS),
    ("-1u", FAILS),
    # doubles: a fraction, an exponent, or both; digits may be missing before the point, not after it
    ("1.5", 1.5),
    (".5", 0.5),
    ("1e3", 1000.0),
    ("1E-3", 0.001),
    ("1.5e+2", 150.0),
    (".5e1", 5.0),
    ("-2.5", -2.5),
    ("-0.0", -0.0),
    ("1e400", float("inf")),
    ("1e-400", 0.0),
    ("1.", FAILS),
    ("1e", FAILS),
    ("1.5u", FAILS),
    # strings: two quotes, single or in threes
    ("'a'", "a"),
    ('"a"', "a"),
    ("'say \"hi\"'", 'say "hi"'),
    ('"it\'s"', "it's"),
    ("'''it's \"it\"'''", 'it\'s "it"'),
    ('"""two\nlines"""', "two\nlines"),
    ("'''two\nlines'''", "two\nlines"),
    ("'two\nlines'", FAILS),
    ("'open", FAILS),
    ("'''open''", FAILS),
    ("''", ""),
    ("''''''", ""),
    ("'é😀'", "é😀"),
    # escapes
    (r"'\a\b\f\n\r\t\v'", "\a\b\f\n\r\t\v"),
    (r"'\\ \? \" \' \`'", "\\ ? \" ' `"),
    (r"'\x41\X42\x4a\X4B'", "ABJK"),
    (r"'\xff'", "ÿ"),
    (r"'\u0041\u00e9\uFFFD'", "Aé\ufffd"),
    (r"'\U0001F600\U0010FFFF'", "😀\U0010ffff"),
    (r"'\000\101\377'", "\0Aÿ"),
    (r"'\1'", FAILS),
    (r"'\18'", FAILS),
    (r"'\400'", FAILS),
    (r"'\x4'", FAILS),
    (r"'\u004'", FAILS),
    (r"'\U0001F60'", FAILS),
    (r"'\ud800'", FAILS),
    (r"'\uDFFF'", FAILS),
    (r"'\U00110000'", FAILS),
    (r"'\q'", FAILS),
    (r"'\/'", FAILS),
    (r"'''\n\'''' + ''", "\n'"),
    # raw strings keep their backslashes
    (r"r'\n\q'", r"\n\q"),
    (r"R'\n'", r"\n"),
    ('r"""a\\\n"b"""', 'a\\\n"b'),
    # bytes: text as UTF-8, \x and octal as single bytes, no code points
    ("b'abc'", b"abc"),
    ("B'abc'", b"abc"),
    ("b'é'", b"\xc3\xa9"),
    (r"b'\xff\377\x00'", b"\xff\xff\x00"),
    (r"b'\n\\'", b"\n\\"),
    (r"b'\u0041'", FAILS),
    (r"b'\U00000041'", FAILS),
    (r"br'\xff'", rb"\xff"),
    (r"rb'\n'", FAILS),
    (r"bR'\n'", rb"\n"),
    ("b'''a\nb'''", b"a\nb"),
    # lists and maps, a comma after the last entry too
    ("[]", []),
    ("[1, 'a', [2u], null]", [1, "a", [UInt(2)], None]),
    ("[1,]", [1]),
    ("[,]", []),
    ("[,1]", FAILS),
    ("[1,,]", FAILS),
    ("{,}", {}),
    ("[1 2]", FAILS),
    ("{}", {}),
    ("{'a': 1, 2: true, 3u: null, false: 1.5}", {"a": 1, 2: True, UInt(3): None, False: 1.5}),
    ("{'a': 1,}", {"a": 1}),
    ("{'a'}", FAILS),
    ("{1.5: 1}", FAILS),
    ("{null: 1}", FAILS),
    ("{b'a': 1}", FAILS),
    ("{[]: 1}", FAILS),
    ("{dyn(1.0): 1}", FAILS),
    # spaces and comments
    (" \t\n\f\r 1 // one\n // and\n + 1 // two", 2),
    ("1 // to the end", 1),
    ("1 / / 1", FAILS),
    ("1\v", FAILS),
    ("'a // b'", "a // b"),
    # names: reserved words are none, but fields may be called so
    ("{'if': 1}.if", 1),
    ("{'package': {'in': 1}}.package", {"in": 1}),
    *((f"{word} == 1", FAILS) for word in ("as", "break", "const", "continue", "else", "for", "function", "if")),
    *((f"{word} == 1", FAILS) for word in ("import", "let", "loop", "package", "namespace", "return", "var", "void")),
    ("while == 1", FAILS),
    ("{'in': 1}.in", FAILS),
    ("{'true': 1}.true", FAILS),
    ("[1].map(if, 1)", FAILS),
    ("{'a-b': 1}.`a-b`", 1),
    ("{'a.b': {'c/d e': 1}}.`a.b`.`c/d e`", 1),
    ("has({'a-b': 1}.`a-b`)", True),
    ("{'a': 1}.``", FAILS),
    ("`a` == 1", FAILS),
    # what is none of it
    ("", FAILS),
    ("1 +", FAILS),
    ("(1", FAILS),
    ("1)", FAILS),
    ("1 == 2 ==", FAILS),
    ("a b", FAILS),
    ("1 = 1", FAILS),
    ("true & true", FAILS),
    ("true | true", FAILS),
    ("#", FAILS),
    ("$a", FAILS),
    ("[1][", FAILS),
    ("1 ? 2", FAILS),
    ("Message{}", FAILS),
]
OURS: list[tuple[str, Any]] = [
    ("google.protobuf.Timestamp{seconds: 1}", FAILS),  # messages are no part of the language here
    ("{'a': 1, 'a': 2}", FAILS),  # the oracle keeps the last one; the definition wants an error
    ("{1: 1, 1u: 2}", FAILS),  # so too where two keys are the same number
    ("{1: 1, true: 2}[1] + {1: 1, true: 2}[true]", 3),  # in Python the oracle hands both keys out as one
]
PRECEDENCE: list[tuple[str, str]] = [
    ("1 + 2 * 3", "1 + (2 * 3)"),
    ("10 - 4 - 3", "(10 - 4) - 3"),
    ("100 / 10 / 5", "(100 / 10) / 5"),
    ("7 % 4 * 2", "(7 % 4) * 2"),
    ("-2 * -3", "(-2) * (-3)"),
    ("!false && false", "(!false) && false"),
    ("1 + 1 == 2", "(1 + 1) == 2"),
    ("1 < 2 == true", "(1 < 2) == true"),
    ("1 in [1] == true", "(1 in [1]) == true"),
    ("true || true && false", "true || (true && false)"),
    ("false && true ? 1 : 2", "(false && true) ? 1 : 2"),
    ("true ? 1 : false ? 2 : 3", "true ? 1 : (false ? 2 : 3)"),
    ("false ? 1 : false ? 2 : 3", "false ? 1 : (false ? 2 : 3)"),
    ("-[1, 2][1]", "-([1, 2][1])"),
    ("!{'a': true}.a", "!({'a': true}.a)"),
    ("- - 1", "-(-1)"),
    ("!!true", "!(!true)"),
    ("'a' + 'b'.size().string()", "'a' + ('b'.size().string())"),
]


@pytest.mark.parametrize(("text", "value"), CASES + OURS)
def test_meaning(text: str, value: Any) -> None:
    """What is written stands for the value of the definition; what the definition does not know is refused."""
    for given in answers(text):
        assert same(given, value)


@pytest.mark.parametrize(("text", "value"), CASES)
def test_oracle(text: str, value: Any) -> None:
    """Google's engine reads each line of the table the same way."""
    assert plain(value) == oracle_answer(text)


@pytest.mark.parametrize(("bare", "bracketed"), PRECEDENCE)
def test_precedence(bare: str, bracketed: str) -> None:
    """Operators bind as the definition orders them."""
    assert same(answers(bare), answers(bracketed))
