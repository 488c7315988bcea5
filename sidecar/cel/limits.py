"""What a rule may cost, each bound a named default."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one rule. ``steps`` bounds one evaluation, everything else the text."""

    source: int = 16_384
    """Bytes of text."""
    depth: int = 32
    """Levels of nesting."""
    nodes: int = 1_000
    """Parts of one expression."""
    expanded: int = 4_000
    """Parts with every named expression written out."""
    loops: int = 2
    """Loops inside loops."""
    errors: int = 100
    """Findings reported in one run."""
    text: int = 1_000_000
    """Characters, bytes or elements of one value that an evaluation makes."""
    steps: int = 100_000
    """Loop turns and list elements looked at in one evaluation: some 60 ms at worst."""

    assumed: int = 50
    """Elements that a list is taken to have at most, for the estimate, when no ``maxItems`` bounds it."""
    cost: int = 2_000_000
    """Steps that one evaluation may take by the estimate."""


LIMITS = Limits()
