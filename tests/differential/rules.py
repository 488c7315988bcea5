"""A generated rule, and its text for engines that know fewer words."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sidecar.cel import parse
from sidecar.cel.ast import Bind, Ident, walk


@dataclass(frozen=True)
class Rule:
    """One generated rule: its text and that of the named expressions it uses."""

    text: str
    lets: Mapping[str, str] = field(default_factory=dict)

    @property
    def expanded(self) -> str:
        """The rule with its names written out, for engines that know none: ``cel.bind`` confuses the oracle."""
        text = self.text
        for name, inner in reversed(self.lets.items()):
            text = text.replace(name, f"({inner})")
        return _without_binds(text)


def _without_binds(text: str) -> str:
    """The text with every bound value put where its name stands, the outermost first."""
    while "cel.bind" in text:
        bind = next(node for node in walk(parse(text)) if isinstance(node, Bind))
        value = f"({text[bind.value.span.offset : bind.value.span.end]})"
        body, end = "", bind.body.span.end
        for node in sorted(walk(bind.body), key=lambda node: -node.span.offset):
            if isinstance(node, Ident) and node.name == bind.name:
                body, end = value + text[node.span.end : end] + body, node.span.offset
        text = f"{text[: bind.span.offset]}({text[bind.body.span.offset : end]}{body}){text[bind.span.end :]}"
    return text
