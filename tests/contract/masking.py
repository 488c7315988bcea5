"""The shipped policies with masks beside them, which only operators see through unless a test says otherwise."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from shipped_kinds import kinds

from sidecar.policy.current import Bundles
from sidecar.shipped import shipped

POLICY = """\
apiVersion: sidecar/v1
policy: masking-{name}
applies_to: [{kind}]
rules:
  - allow: everyone
    when: "true"
redact:
"""
MASK = "  - field: record.{field}\n    unless: '{unless}'\n"
OPERATORS = "caller.is_workspace_operator"


def masking(
    folder: Path, masks: Mapping[str, Sequence[str]], *, without: Sequence[str] = (), unless: str = OPERATORS
) -> Bundles:
    """A copy of the shipped policies in a new folder, save some files, with a policy for each kind that masks its fields.

    ``unless`` lifts the masks.
    """
    shutil.copytree(shipped("policies"), folder)
    for name in ("bundle_test.yaml", *without):  # the bundle's suite says what is seen without masks
        (folder / name).unlink()
    for kind, fields in masks.items():
        head = POLICY.format(name=kind.replace("_", "-"), kind=kind)
        text = head + "".join(MASK.format(field=field, unless=unless) for field in fields)
        (folder / f"masking_{kind}.yaml").write_text(text, encoding="utf-8")
    bundles = Bundles([folder], kinds())
    assert bundles.reload().trouble is None
    return bundles
