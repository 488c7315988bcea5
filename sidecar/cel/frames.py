"""The Python text of one rule while it is written: its functions, their locals, its constants and prepared parts."""

from collections.abc import Iterable, Mapping
from typing import Any

from sidecar.cel import conversions, kernel, meter, optionals, prepared, times, values, wrapped
from sidecar.cel.ast import UInt
from sidecar.cel.library import LIBRARY, helper_name


def _public(module: Any) -> dict[str, Any]:
    return {name: item for name, item in vars(module).items() if not name.startswith("_") and callable(item)}


KERNEL: Mapping[str, Any] = {
    **{helper_name(name): function for name, function in LIBRARY.items()},
    "UInt": UInt,
    **_public(times),
    **_public(wrapped),
    **_public(values),
    **_public(optionals),
    **_public(conversions),
    **_public(kernel),
    **_public(meter),
    **_public(prepared),
    "FAULTS": kernel.FAULTS,
    "WIDE_OUTER": kernel.WIDE_OUTER,
    "WIDE_INNER": kernel.WIDE_INNER,
}
"""Every name that generated code may use, besides constants and its own locals."""


class Frame:
    """The locals of one generated function. What it needs of the function around it becomes a parameter."""

    def __init__(self, unit: "Unit", outer: "Frame | None", locals_: Iterable[str]) -> None:
        self._unit, self._outer = unit, outer
        self._held: dict[Any, str] = {local: local for local in locals_}
        self._taken: dict[Any, str] = {}
        self.arguments: list[str] = []
        self.parameters: list[str] = []

    def find(self, key: Any) -> str | None:
        """The local that holds a variable or an already loaded path, or None."""
        local = self._held.get(key) or self._taken.get(key)
        if local is None and self._outer is not None:
            outside = self._outer.find(key)
            if outside is not None:
                local = self._taken[key] = self._unit.fresh("p")
                self.arguments.append(outside)
                self.parameters.append(local)
        return local

    def with_(self, locals_: Iterable[str]) -> "Frame":
        """The same function, with more locals (those of a lambda inside it)."""
        frame = Frame(self._unit, None, locals_)
        frame._held |= self._held
        return frame

    def hold(self, key: Any, local: str) -> None:
        """From here on this local holds the path."""
        self._held[key] = local

    def mark(self) -> dict[Any, str]:
        """The paths loaded so far."""
        return dict(self._held)

    def rewind(self, mark: dict[Any, str]) -> None:
        """Forget what was loaded since: the code that loaded it may not have run."""
        self._held = mark


class Unit:
    """One rule's module in the making. No text of the rule gets into the code: names and literals are constants."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.constants: dict[str, Any] = {}
        self.slots: dict[str, str] = {}
        self._names: dict[Any, str] = {}
        self._count = 0

    def fresh(self, prefix: str) -> str:
        """A name nothing else has."""
        self._count += 1
        return f"{prefix}{self._count}"

    def constant(self, value: Any, key: Any = None) -> str:
        """The name of a constant; equal ones of one type share it."""
        key = (type(value), repr(value)) if key is None else key
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = self.fresh("K")
            self.constants[name] = value
        return name

    def slot(self, code: str) -> str:
        """The name of a part that is prepared once for each caller."""
        name = self.slots.get(code)
        if name is None:
            name = self.slots[code] = self.fresh("h")
            self.lines.append(f"{name} = settle(lambda: {code})")
        return name

    def function(self, name: str, parameters: list[str], body: list[str]) -> None:
        """Add one function."""
        self.lines.append(f"def {name}({', '.join(parameters)}):")
        self.lines += [f"    {line}" for line in body]

    def build(self, signature: str) -> tuple[Any, str]:
        """The function of ``signature`` whose body the lines are, and its text."""
        text = "\n".join([f"def build({signature}):", *(f"    {line}" for line in self.lines)])
        scope: dict[str, Any] = {**KERNEL, **self.constants, "__builtins__": _BUILTINS}
        exec(compile(text, "<rule>", "exec"), scope)  # noqa: S102 - built of our own words only, see above
        return scope["build"], text


_BUILTINS = {
    "type": type, "len": len, "str": str, "int": int, "float": float, "bool": bool, "list": list, "dict": dict,
    "bytes": bytes,
}  # fmt: skip
