"""``--where`` on a masked field: the command line is one more door, and it tells no more than the others."""

from pathlib import Path

import pytest
from cli_samples import Sidecar, caller, letter, ndjson

pytestmark = pytest.mark.usefixtures("store_name")

POLICY = """\
apiVersion: sidecar/v1
policy: letters
applies_to: [dead_letter]
rules:
  - allow: everyone
    when: "true"
redact:
  - field: record.source_type
    unless: "caller.is_workspace_operator || record.created_at_ms == 13"
"""


@pytest.fixture
def stored(sidecar: Sidecar, tmp_path: Path) -> Path:
    """Letters whose type is masked for all but operators, except for one of them."""
    letters = [letter(number, source_type=f"type-{number % 2}") for number in range(1, 5)]
    assert sidecar("load", ndjson(tmp_path / "records", *letters)).code == 0
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "letters.yaml").write_text(POLICY)
    caller(tmp_path / "op.json", roles=["workspace_operator"])
    caller(tmp_path / "eve.json", org_units=[])
    return tmp_path


@pytest.mark.usefixtures("stored")
def test_a_masked_value_is_not_found(sidecar: Sidecar) -> None:
    """A record is found by a masked value by nobody to whom it is masked, whether or not it has the value."""

    def found(who: str, *wheres: str) -> list[str]:
        words = [word for where in wheres for word in ("--where", where)]
        ran = sidecar("query", "dead_letter", "--as", f"{who}.json", "--policies", "p", *words)
        assert ran.code == 0, ran.err
        return [one["dead_letter_id"] for one in ran.rows]

    assert found("op", "source_type=type-1") == ["d-3", "d-1"]
    assert found("eve", "source_type=type-1") == ["d-3"]
    assert found("eve", "source_type=type-0") == found("eve", "source_type=never") == []
    assert found("eve", "status=open", "source_type=TYPE-1") == ["d-3"]
    assert found("eve") == ["d-4", "d-3", "d-2", "d-1"]
