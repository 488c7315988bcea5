"""The written table of the language says what the engine does, no more and no less."""

import re
from pathlib import Path

import sidecar.cel
from sidecar.cel.calls import HELPERS
from sidecar.cel.functions import OVERLOADS, Overload
from sidecar.cel.library import LIBRARY
from sidecar.cel.limits import LIMITS
from sidecar.cel.macros import _LOOPS, _ON_OPTIONALS
from sidecar.cel.parse import parse
from sidecar.cel.times import LONGEST

TABLE = (Path(sidecar.cel.__file__).parent / "LANGUAGE.md").read_text()


def written(overload: Overload) -> str:
    """A signature as the table writes it."""
    first, *rest = [str(arg) for arg in overload.args] or [""]
    if overload.method:
        return f"{first}.{overload.name}({', '.join(rest)}) -> {overload.result}"
    return f"{overload.name}({', '.join(map(str, overload.args))}) -> {overload.result}"


def test_every_signature_is_in_the_table() -> None:
    """The table's signatures are those of the checker."""
    told = [line for block in re.findall(r"```\n(.*?)```", TABLE, re.DOTALL) for line in block.splitlines()]
    assert sorted(told) == sorted({written(overload) for overloads in OVERLOADS.values() for overload in overloads})


def test_every_macro_is_in_the_table() -> None:
    """The table's macros are those of the parser, and each form is read."""
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", TABLE, re.MULTILINE))
    forms = {name: re.findall(r"`([^`]+)`", shown) for name, shown in rows.items()}
    assert {
        (name, form.count(",") + 1)
        for name, shown in forms.items()
        for form in shown
        if name in {loop for loop, _ in _LOOPS}
    } == set(_LOOPS)
    assert set(forms) == {name for name, _ in _LOOPS} | _ON_OPTIONALS | {"has", "bind"}
    for form in (form for shown in forms.values() for form in shown):
        assert parse(form) is not None


def test_every_signature_has_a_function() -> None:
    """What the checker lets through can be evaluated, and there is no function that it never lets through."""
    assert set(OVERLOADS) - {"[?]"} <= set(HELPERS)
    assert set(LIBRARY) <= set(OVERLOADS)


def test_the_longest_duration_is_told() -> None:
    """The numbers of the table are the numbers of the code."""
    assert f"{LONGEST:,} s" in TABLE
    assert LIMITS.text == 1_000_000
