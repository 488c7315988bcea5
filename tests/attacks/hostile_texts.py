"""Rules that are hostile by their text: how long, how deep, how many, how odd."""

from collections.abc import Iterator

from hostile_rules import FAILS, REFUSED, Hostile

DEEP = 32
"""Levels that a rule may be nested."""

NESTS = {
    "parentheses": ("(", "true", ")"),
    "lists": ("[", "1", "] == []"),
    "maps": ("{1: ", "1", "}"),
    "sizes": ("size([", "1", "])"),
    "negations": ("!(", "true", ")"),
    "minuses": ("-(", "1", ")"),
    "indexes": ("[0][", "0", "]"),
    "ternaries inside": ("(true ? ", "1", " : 1)"),
    "loops": ("[1].exists(x, ", "true", ")"),
    "presences": ("has(", "record.text", ")"),
    "binds": ("cel.bind(x, 1, ", "true", ")"),
}
CHAINS = {
    "fields": ("record", ".extra"),
    "indexes": ("record.extra", "[0]"),
    "calls": ("record.text", ".trim()"),
    "sums": ("1", " + 1"),
    "comparisons": ("true", " == true"),
    "ternaries": ("true", " ? 1 : true"),
    "nots": ("", "!"),
    "optional fields": ("record", ".?extra"),
}
UNREADABLE = {
    "nothing": "",
    "space": " \t\n\f\r",
    "a comment": "// true",
    "NUL": "\0",
    "NUL inside": "true\0",
    "a byte order mark": "\ufefftrue",
    "a lone surrogate": "\ud800 == 1",
    "a lone surrogate's escape": '"\\ud800" == ""',
    "an escape past Unicode": '"\\U00110000" == ""',
    "an octal escape past a byte": '"\\777" == ""',
    "half an escape": '"\\u12" == ""',
    "right to left": "true \u202e&& false",
    "a zero width space": "tr\u200bue",
    "a Cyrillic letter": "\u0441aller.units == []",
    "a fullwidth digit": "\uff11 == 1",
    "an Arabic digit": "\u0661 == 1",
    "a no-break space": "true\xa0&& true",
    "a next line": "true\x85&& true",
    "a vertical tab": "true\v&& true",
    "a name of combining marks": "a\u0301\u0302 == 1",
    "an emoji's name": "😀 == 1",
    "no end of string": '"true',
    "no end of triple string": '"""true""',
    "a string ended by its escape": '"true\\"',
    "a newline in a string": '"a\nb" == ""',
    "one ampersand": "true & true",
    "one equals sign": "1 = 1",
    "three equals signs": "1 === 1",
    "an unknown name of 16,000 letters": "a" * 16_000 + " == 1",
    "an unknown field of 16,000 letters": f"record.{'a' * 16_000} == 1",
    "an unknown function of 16,000 letters": f"{'a' * 16_000}(1)",
    "a loop's name of 15,000 letters": f"record.texts.exists({'a' * 15_000}, {'a' * 15})",
    "an unknown value of 16,000 letters": f"record.at == '{'a' * 16_000}'",
    "an escape after 16,000 letters": f"'{'a' * 16_000}\\q' == ''",
    "a pattern of 16,000 letters": f"record.text.matches('{'(' * 16_000}')",
    "a misplaced string of 16,000 letters": f"true '{'a' * 16_000}'",
    "two thousand faults": " || ".join(["a.b"] * 499),
    "a statement": "import os",
    "Python's own": "__import__('os').system('true') == 0",
    "a dunder": "record.__class__ == 1",
    "a lambda": "(lambda: 1)() == 1",
    "an assignment": "x := 1",
    "a reserved word": "record.text == while",
    "a message": "google.protobuf.Any{} == 1",
    "an unclosed call": "size(record.text",
    "a closed nothing": "true)",
    "a loop without names": "record.texts.exists(true)",
    "a loop over a literal name": "record.texts.exists(1, true)",
    "a loop over a path": "record.texts.exists(x.y, true)",
    "presence of nothing": "has()",
    "presence of a name": "has(record)",
    "presence of a call": "has(size(record.text))",
    "a bind without a name": "cel.bind(1, 2, true)",
    "an engine's local": "meter == 1",
    "an engine's helper": "give_up() == 1",
    "an engine's constant": "K1 == 1",
    "shadowing a variable": "record.texts.exists(record, record == 'a')",
    "shadowing a loop": "record.texts.exists(x, record.texts.exists(x, x == 'a'))",
}
NUMBERS = {
    "an int of 64 bits": ("9223372036854775807 > 0", True),
    "an int past 64 bits": ("9223372036854775808 > 0", REFUSED),
    "the least int": ("-9223372036854775808 < 0", True),
    "below the least int": ("-9223372036854775809 < 0", REFUSED),
    "the least int negated": ("-(-9223372036854775808) > 0", FAILS),
    "the greatest uint": ("18446744073709551615u > 0u", True),
    "past the greatest uint": ("18446744073709551616u > 0u", REFUSED),
    "a hexadecimal past 64 bits": ("0xFFFFFFFFFFFFFFFF > 0", REFUSED),
    "10,000 digits": ("9" * 10_000 + " > 0", REFUSED),
    "10,000 digits unsigned": ("9" * 10_000 + "u > 0u", REFUSED),
    "10,000 hexadecimal digits": ("0x" + "F" * 10_000 + " > 0", REFUSED),
    "10,000 zeros": ("0" * 10_000 + " == 0", True),
    "10,000 digits after the point": ("0." + "1" * 10_000 + " < 1.0", True),
    "10,000 digits before the point": ("9" * 10_000 + ".0 > 1.0", True),
    "an exponent of 10,000 digits": ("1e" + "9" * 10_000 + " > 1.0", True),
    "an exponent below all": ("1e-" + "9" * 10_000 + " == 0.0", True),
    "an overflowing sum": ("9223372036854775807 + record.at > 0", FAILS),
    "an overflowing product": ("record.at * 9223372036854775807 > 0", FAILS),
    "an overflowing difference": ("-9223372036854775807 - record.at < 0", FAILS),
    "an overflowing quotient": ("-9223372036854775808 / (record.at - 8) > 0", FAILS),
    "an overflowing rest": ("-9223372036854775808 % (record.at - 8) == 0", FAILS),
    "a quotient by zero": ("1 / (record.at - 7) == 0", FAILS),
    "a rest by zero": ("1 % (record.at - 7) == 0", FAILS),
    "a uint below zero": ("0u - 1u == 0u", FAILS),
}


def _nested() -> Iterator[Hostile]:
    """Everything that nests, a little and far too deep, closed and left open."""
    for name, (before, inner, after) in NESTS.items():
        for levels in (DEEP + 2, 1_000):
            yield Hostile(f"{levels} {name}", before * levels + inner + after * levels, REFUSED)
        yield Hostile(f"{name} never closed", before * 400 + inner, REFUSED)
    for bracket in "([{":
        yield Hostile(f"100,000 of {bracket}", bracket * 100_000, REFUSED)
    for name, (before, link) in CHAINS.items():
        for links in (DEEP + 2, 1_000):
            rule = link * links + "true" if not before else before + link * links
            yield Hostile(f"{links} {name} in a row", rule, REFUSED)


def _deepest() -> Iterator[Hostile]:
    """As deep as a rule may be, which the generated code must bear too."""
    for name, rule, becomes in (
        ("parentheses", "(" * DEEP + "true" + ")" * DEEP, True),
        ("negations", "!(" * DEEP + "record.live" + ")" * DEEP, True),
        ("lists", "[" * DEEP + "record.at" + "]" * DEEP + " != []", True),
        ("maps", "{1: " * DEEP + "record.at" + "}" * DEEP + " != {}", True),
        ("ternaries", "(record.live ? " * (DEEP - 1) + "true" + " : false)" * (DEEP - 1), True),
        ("indexes", "record.texts[" + "record.numbers[" * (DEEP - 1) + "0" + "]" * DEEP + " != 'z'", FAILS),
        ("conjunctions", "(record.live && " * DEEP + "true" + ")" * DEEP, True),
        ("sums", "(record.at + " * DEEP + "1" + ")" * DEEP + " > 0", True),
    ):
        yield Hostile(f"as many {name} as there may be", rule, becomes)
    for name, rule in {
        "fields": "record.extra" + ".a" * (DEEP - 1) + " == 1",
        "indexes": "record.extra" + "[0]" * (DEEP - 1) + " == 1",
        "sums": "record.at" + " + record.at" * (DEEP - 1) + " > 0",
        "calls": "record.text" + ".trim()" * (DEEP - 1) + " == 'a'",
    }.items():
        becomes = FAILS if "extra" in rule else True
        yield Hostile(f"as many {name} in a row as there may be", rule, becomes)


def _long() -> Iterator[Hostile]:
    """Texts of 16 KB and more, and of a thousand parts and more."""
    yield Hostile("16 KB of comment", "true //".ljust(16_384, "x"), True)
    yield Hostile("16 KB of string", f'"{"x" * (16_384 - 8)}" != ""'[:16_384], True)
    for name, rule in {
        "of string": f'"{"x" * 17_000}" != ""',
        "of comment": "true //" + "x" * 17_000,
        "of space": "true" + " " * 17_000,
        "of names": "a" * 17_000,
        "of emoji": f'"{"😀" * 4_300}" != ""',
        "of conditions": " && ".join(["true"] * 2_200),
    }.items():
        yield Hostile(f"17 KB {name}", rule, REFUSED)
    yield Hostile("999 conditions", " && ".join(["true"] * 999), True)
    yield Hostile("998 conditions that fail and one that is false", " && ".join(["1/0 == 1"] * 100 + ["false"]), False)
    for name, rule in {
        "conditions": " || ".join(["false"] * 1_001),
        "elements": f"[{', '.join(['1'] * 1_001)}] == []",
        "entries": f"{{{', '.join(f'{n}: 1' for n in range(600))}}} == {{}}",
        "lists in a list": f"[{', '.join(['[]'] * 1_001)}] == []",
        "commas": f"[{',' * 1_001}]",
    }.items():
        yield Hostile(f"1,001 {name}", rule, REFUSED)


def _lets() -> Iterator[Hostile]:
    """Named expressions that double with every name."""
    for levels in (12, 200):
        lets = ("record.live", *(f"l{number} && l{number}" for number in range(levels)))
        yield Hostile(f"{levels} names that double", f"l{levels}", REFUSED, lets=lets)
    lets = ("record.live", *(f"l{number} && l{number}" for number in range(10)))
    yield Hostile("10 names that double", "l10", True, lets=lets)
    lets = ("record.texts.exists(a, a == 'b')", "record.texts.exists(b, l0)", "record.texts.exists(c, l1)")
    yield Hostile("loops hidden in names", "l2", REFUSED, lets=lets)
    lets = ("record.texts.map(a, record.texts)", "l0.map(b, l0)", "l1.map(c, l1)", "size(l2) > 0")
    yield Hostile("lists multiplied by names", "l3", REFUSED, lets=lets)
    yield Hostile("33 names in a row", "l40", True, lets=("record.live", *(f"!(!l{number})" for number in range(40))))


TEXTS = [
    *_nested(),
    *_deepest(),
    *_long(),
    *_lets(),
    *(Hostile(f"text of {name}", rule, REFUSED) for name, rule in UNREADABLE.items()),
    *(Hostile(name, rule, becomes) for name, (rule, becomes) in NUMBERS.items()),
]
