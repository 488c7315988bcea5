"""What records are sorted or named by cannot be masked: a page's order and its cursors would tell it."""

from pathlib import Path

import pytest
from policy_files import policy, write
from shipped_kinds import kinds

from sidecar.errors import PolicyError
from sidecar.policy.bundle import build


def pointers() -> list[tuple[str, str]]:
    """Every kind with every property that it is sorted by, named by or kept apart by."""
    return [
        (name, pointer)
        for name, kind in kinds().items()
        for pointer in (*(one for order in kind.order for one in order.pointers), *kind.id, kind.tenant)
    ]


def test_no_kind_can_be_masked_where_it_is_sorted_or_named(tmp_path: Path) -> None:
    """For every shipped kind a mask of such a property, or of what it stands in, is an error of the policy."""
    checked = 0
    for kind, pointer in pointers():
        parts = pointer.strip("/").split("/")
        for end in range(1, len(parts) + 1):
            field = ".".join(parts[:end])
            text = policy("p", "allow all: true", redact=[f"record.{field}: false"], applies_to=f"[{kind}]")
            with pytest.raises(PolicyError, match="cannot be masked"):
                build([write(tmp_path / "p", p=text)], kinds())
            checked += 1
    assert checked > len(kinds()) * 2
