"""Rules that are hostile by what they search for, repeat or make."""

from collections.abc import Iterator

from hostile_rules import EXHAUSTED, FAILS, REFUSED, TOO_LONG, Hostile

MEGABYTE = "a" * 1_000_000
MANY = [f"ab{number}" for number in range(1_000)]
HUGE = ["a"] * 100_000

BOMBS = {
    "nested plus": "(a+)+$",
    "alternatives": "(a|aa)+$",
    "optional": "^(a|a?)+b$",
    "nested star": "(a*)*b",
    "greedy twenty": "(.*a){20}b",
    "mail": "^(([a-z])+.)+[A-Z]([a-z])+$",
    "counted": "(a?){30}a{30}c",
    "nested counts": "((a{1,30}){1,30}){1,1}b",
    "late choice": "(a|b)*a(a|b){12}c",
    "thousand": "^a{1,1000}b",
    "anything": "(.?){500}b$",
}
NO_PATTERNS = {
    "an open group": "(",
    "a look ahead": "(?=a)",
    "a look behind": "(?<=a)b",
    "a back-reference": r"(a)\1",
    "too many": "a{1001}",
    "nested repetition": "((a{100}){100}){100}",
    "a wrong range": "[z-a]",
    "nothing repeated": "*",
    "an unknown class": r"\p{Nonsense}",
    "too large": r"\pL{1,300}",
    "a condition": "(?(1)a|b)",
}


def nested(levels: int, first: str, step: str, last: str) -> str:
    """``last`` over a value that was made of the one before, so many times; ``@`` is the one before."""
    names = [f"b{level}" for level in range(levels)]
    values = [first, *(step.replace("@", name) for name in names[:-1])]
    opening = "".join(f"cel.bind({name}, {value}, " for name, value in zip(names, values, strict=True))
    return opening + last.replace("@", names[-1]) + ")" * levels


def _patterns() -> Iterator[Hostile]:
    """What makes other engines think for centuries, over a text that almost fits; and what RE2 knows nothing of."""
    text = "a" * 40 + "!"
    for name, pattern in BOMBS.items():
        yield Hostile(f"the pattern {name}", f"record.text.matches('{pattern}')", False, {"text": text})
        record = {"text": text, "other": pattern}
        yield Hostile(f"the pattern {name} from the record", "record.text.matches(record.other)", False, record)
        rule = "record.texts.all(x, record.texts.all(y, !record.text.matches(record.other)))"
        record = {"text": MEGABYTE + "!", "other": pattern, "texts": MANY}
        yield Hostile(f"the pattern {name} a million times over a megabyte", rule, EXHAUSTED, record)
    for name, pattern in NO_PATTERNS.items():
        quoted = pattern.replace("\\", "\\\\")
        yield Hostile(f"no pattern: {name}", f"record.text.matches('{quoted}')", REFUSED)
        yield Hostile(
            f"no pattern from the record: {name}", "record.text.matches(record.other)", FAILS, {"other": pattern}
        )
    rule = "record.texts.exists(x, record.texts.exists(y, record.text.matches(x + y + '(.{1,500}){1}z')))"
    yield Hostile("a million patterns", rule, EXHAUSTED, {"texts": MANY})
    rule = "record.texts.exists(x, record.text.matches(record.other))"
    yield Hostile("a pattern too large, a thousand times", rule, EXHAUSTED, {"texts": MANY, "other": r"\pL{1,300}"})
    yield Hostile("a pattern over half a surrogate", "record.text.matches('^.$')", FAILS, {"text": "\ud800"})


def _loops() -> Iterator[Hostile]:
    """Long lists, one in another, and bodies that take long in each turn."""
    huge, many = {"texts": HUGE}, {"texts": MANY}
    yield Hostile("100,000 turns", "record.texts.exists(x, x == 'b')", False, huge)
    yield Hostile("100,001 turns", "record.texts.exists(x, x == 'b')", EXHAUSTED, {"texts": [*HUGE, "a"]})
    rule = "record.texts.exists(x, x == 'b') || record.live"
    yield Hostile("an end of steps that nothing absorbs", rule, EXHAUSTED, {"texts": [*HUGE, "a"]})
    rule = "record.texts.exists(x, record.texts.exists(y, x == y + 'c') || x == 'ab999')"
    yield Hostile("an end of steps in every turn", rule, EXHAUSTED, many)
    yield Hostile(
        "100,001 turns, one enough", "record.live || record.texts.exists(x, x == 'b')", True, {"texts": [*HUGE, "a"]}
    )
    for macro, condition in (("exists", "x == y + 'c'"), ("exists_one", "x == y + 'c'"), ("all", "x != y + 'c'")):
        rule = f"record.texts.{macro}(x, record.texts.{macro}(y, {condition}))"
        yield Hostile(f"a million turns of {macro}", rule, EXHAUSTED, many)
    body = " || ".join(f"x == 'c{number}'" for number in range(300))
    yield Hostile("100,000 turns of three hundred conditions", f"record.texts.exists(x, {body})", EXHAUSTED, huge)
    for name, rule in {
        "lists": "record.texts.map(x, record.texts.map(y, x)) == []",
        "filters": "record.texts.filter(x, record.texts.filter(y, x != y) == []) == []",
        "pairs": "record.texts.transformList(i, x, record.texts.transformList(j, y, i + j)) == []",
        "maps": "record.texts.transformMap(i, x, record.texts.transformMap(j, y, i + j)) == {}",
        "memberships": "record.texts.exists(x, x + 'c' in record.texts)",
        "numbers": "record.texts.exists(x, size(x) * 1000 in record.numbers)",
        "parts": "record.parts.exists(p, record.parts.exists(q, p == q && p.name == 'z'))",
    }.items():
        record = {**many, "numbers": list(range(10, 900)), "parts": [{"name": name, "texts": ["a"]} for name in MANY]}
        yield Hostile(f"a million {name}", rule, EXHAUSTED, record)
    tags = {str(number): "a" for number in range(100_000)}
    yield Hostile("100,000 keys", "record.tags.exists(k, k == 'z')", False, {"tags": tags})
    yield Hostile("100,000 keys compared", "record.tags == record.tags", EXHAUSTED, {"tags": tags})
    yield Hostile(
        "100,000 keys compared in turns",
        "record.texts.exists(x, record.tags != record.tags)",
        EXHAUSTED,
        {"tags": tags, **many},
    )
    rule = "record.texts.exists(x, record.extra == [record.texts])"
    yield Hostile("lists compared in turns", rule, EXHAUSTED, {"extra": [[*HUGE[:5_000], "b"]], "texts": HUGE[:5_001]})
    grants = [{"name": f"g{number}", "texts": ["a"]} for number in range(20_000)]
    rule = "caller.grants.exists(g, g.name in record.texts && g.texts.exists(t, t == 'z'))"
    yield Hostile("20,000 grants looked up", rule, False, many, {"grants": grants})
    rule = "caller.grants.exists(g, record.texts.exists(x, x == g.name + 'z'))"
    yield Hostile("20,000 grants by a thousand texts", rule, EXHAUSTED, many, {"grants": grants})
    rule = "caller.grants.exists(g, caller.grants.exists(h, g.name == h.name + 'z'))"
    yield Hostile("a caller's own million", rule, EXHAUSTED, {}, {"grants": grants})


def _growth() -> Iterator[Hostile]:
    """Values that double with every step."""
    for name, first, step, becomes in (
        ("text", "record.text", "@ + @", TOO_LONG),
        ("list", "record.texts", "@ + @", TOO_LONG),
        ("bytes", "bytes(record.text)", "@ + @", TOO_LONG),
        ("replaced text", "record.text", "@.replace('a', 'aaaaaaaaaa')", TOO_LONG),
        ("text replaced everywhere", "record.text", "@.replace('', 'aaaaaaaaaa')", TOO_LONG),
        ("joined text", "record.text", "[@, @, @, @].join(@)", TOO_LONG),
        ("formatted text", "record.text", "'%s%s%s%s'.format([@, @, @, @])", TOO_LONG),
        ("list of texts joined", "record.texts", "[(@ + @).join('aaaa')]", TOO_LONG),
    ):
        yield Hostile(f"a {name} that doubles", nested(28, first, step, "size(@) > 0"), becomes)
    for name, first, step in (
        ("list that holds itself twice", "record.texts", "[@, @]"),
        ("map that holds itself twice", "record.tags", "{'a': @, 'b': @}"),
        ("optional that holds itself twice", "record.texts", "[optional.of(@), optional.of(@)]"),
    ):
        yield Hostile(f"a {name}, compared", nested(28, first, step, "@ == @"), EXHAUSTED)
        yield Hostile(f"a {name}, looked for", nested(28, first, step, "@ in [@]"), EXHAUSTED)
    big = {"text": MEGABYTE, "texts": MANY}
    yield Hostile("a thousand megabytes joined", "record.texts.map(x, record.text).join(',') == ''", TOO_LONG, big)
    for name, call in {
        "split": "size(record.text.split('')) == 0",
        "lowered": "record.text.lowerAscii() == 'b'",
        "reversed": "record.text.reverse() == 'b'",
        "trimmed": "record.text.trim() == 'b'",
        "quoted": "strings.quote(record.text) == 'b'",
        "searched": "record.text.contains(x)",
        "searched with the worst": "record.text.contains('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab' + x)",
        "searched from behind": "record.text.lastIndexOf(x) > 0",
        "made bytes": "size(bytes(record.text)) == 0",
        "encoded": "base64.encode(bytes(record.text)) == ''",
        "ordered": "record.text < record.other",
        "compared": "record.text == record.other",
    }.items():
        record = {**big, "other": MEGABYTE[:-1] + "A"}
        rule = f"record.texts.exists(x, record.texts.exists(y, {call}))"
        yield Hostile(f"a megabyte {name} a million times", rule, EXHAUSTED, record)


EVALUATIONS = [*_patterns(), *_loops(), *_growth()]
