"""The bundle in force: swapped whole when it is proven, kept when it is not."""

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from policy_files import HOME, NOTE, note_kinds, policy, write

from sidecar.config import Config, IdentityConfig
from sidecar.http.assemble import grounded
from sidecar.policy import current
from sidecar.policy.bundle import Bundle
from sidecar.policy.current import UNFORESEEN, Bundles
from sidecar.policy.steps import Steps, whole

OPEN, SHUT = policy("p", "allow all: true"), policy("p", "allow all: false")
SUITE = f"""
suite: p
now_ms: 0
callers:
  ada:
    tenant: {HOME}
records:
  n:
    kind: note
    record: {{note_id: n, tenant_context: {HOME}, at: 1, code: c}}
expect:
  ada: [n]
"""


def bundles(folder: Path, *, labels_only: bool = False) -> Bundles:
    """The bundles of one folder."""
    return Bundles([folder], note_kinds(), labels_only=labels_only)


def test_a_good_bundle_is_put_in_force(tmp_path: Path) -> None:
    """Before a first reload there is no bundle; a good one is swapped in, and the same files swap nothing."""
    held = bundles(write(tmp_path, p=OPEN))
    assert (held.current, held.trouble) == (None, None)
    first = held.reload()
    assert held.current is not None
    assert (first.swapped, first.revision, first.trouble) == (True, held.current.revision, None)
    kept = held.current
    assert not held.reload().swapped
    assert held.current is kept
    write(tmp_path, p=SHUT)
    assert held.reload().swapped
    assert held.current is not kept


@pytest.mark.parametrize(
    ("text", "suite", "trouble"),
    [
        ("policy: p", SUITE, "the key 'applies_to' is missing"),
        (policy("p", "allow all: recrod == 1"), SUITE, "did you mean 'record'?"),
        (SHUT, SUITE, "ada before n: is hidden: p/all is false"),
        (policy("p", "allow all: 1 / 0 == 1"), SUITE, "ends in an error"),
        (OPEN, SUITE.replace("ada: [n]", "ada: [m]"), "no record 'm' in this suite"),
        (OPEN, SUITE.replace("code: c", "cord: c"), "code"),
        (policy("p", "allow all: record.at > 0"), SUITE, "no case sees the rule 'all' false"),
    ],
)
def test_the_last_good_bundle_stays(tmp_path: Path, text: str, suite: str, trouble: str) -> None:
    """With anything wrong in a policy or suite the last good bundle stays; mended files clear the trouble."""
    held = bundles(write(tmp_path, p=OPEN, p_test=SUITE))
    held.reload()
    good = held.current
    write(tmp_path, p=text, p_test=suite)
    refused = held.reload()
    assert good is not None
    assert (refused.swapped, refused.revision) == (False, good.revision)
    assert held.current is good
    assert trouble in (held.trouble or "")
    assert refused.trouble == held.trouble
    write(tmp_path, p=OPEN, p_test=SUITE)
    assert (held.reload().trouble, held.trouble) == (None, None)


def test_with_no_good_bundle_there_is_none(tmp_path: Path) -> None:
    """Policies that were never good leave nothing in force, and neither does a folder that is not there."""
    for held in (bundles(write(tmp_path / "p", p=SHUT, p_test=SUITE)), bundles(tmp_path / "none")):
        assert (held.reload().revision, held.current) == (None, None)
        assert held.trouble is not None


def test_notes_do_not_hold_a_bundle_back(tmp_path: Path) -> None:
    """Kinds without a policy and policies without a suite are no reason to keep an old bundle."""
    held = bundles(write(tmp_path, p=OPEN))
    assert held.reload().swapped
    assert held.current is not None
    assert len(held.current.notes) == 2


def test_an_error_that_nobody_foresaw_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What goes wrong in this program while policies are proven is their trouble, until they are read without it."""

    def broken(*_: object, **__: object) -> Steps[Bundle]:
        yield
        raise RuntimeError("secret-xyz")

    held = bundles(write(tmp_path, p=OPEN))
    good = held.reload()
    with monkeypatch.context() as patch:
        patch.setattr(current, "building", broken)
        refused = held.reload()
    assert (refused.revision, refused.swapped, held.trouble) == (good.revision, False, UNFORESEEN)
    assert "secret-xyz" in caplog.text
    assert held.reload().trouble is None


def test_suites_of_policies_that_are_known_to_hold_are_not_run(tmp_path: Path) -> None:
    """Policies of the known revision are compiled alone; others are proven like any."""
    folder = write(tmp_path, p=SHUT)
    revision = bundles(folder).reload().revision
    write(tmp_path, p_test=SUITE)
    proof = whole(bundles(folder).proving(revision))
    assert (proof.bundle and proof.bundle.revision, proof.trouble) == (revision, None)
    assert "ada before n" in (whole(bundles(folder).proving("another")).trouble or "")


def test_labels_only_holds_at_every_reload(tmp_path: Path) -> None:
    """Rules that are judged record by record stay out where the configuration says labels only."""
    held = bundles(write(tmp_path, p=policy("p", "allow late: now_ms > 0")), labels_only=True)
    held.reload()
    assert held.current is None
    assert "labels-only" in (held.trouble or "")


def test_suites_prove_what_is_configured_of_silence(tmp_path: Path) -> None:
    """Policies whose suite takes a caller without units for an operator are refused where such callers never are."""
    operators = policy("p", "allow operators: caller.is_workspace_operator")
    silent_and_not = f"    actor_id: ada\n  bob:\n    tenant: {HOME}\n    org_units: []\nrecords:"
    folder = write(tmp_path, p=operators, p_test=SUITE.replace("records:", silent_and_not))
    (tmp_path / "note.schema.json").write_text(json.dumps(NOTE))
    config = Config(policies=(str(folder),), schemas=(str(tmp_path),))
    assert grounded(config).bundles.trouble is None
    never = replace(config, identity=IdentityConfig(operator_without_units="never"))
    assert "ada before n: is hidden: p/operators is false" in (grounded(never).bundles.trouble or "")


def test_trouble_is_bounded(tmp_path: Path) -> None:
    """However much is wrong, what is told of it is short, and says that there is more."""
    rules = [f"allow r{number}: record.{'x' * 2_000} == {number}" for number in range(20)]
    held = bundles(write(tmp_path, p=policy("p", *rules)))
    held.reload()
    assert len(held.trouble or "") < 3_000
    assert (held.trouble or "").endswith("and 15 more")


def test_trouble_is_text_whatever_the_name_of_its_file(tmp_path: Path) -> None:
    """A file whose name is no UTF-8 is told as anything else is: what is told is sent to workers and to ``/readyz``."""
    held = bundles(write(tmp_path, p=OPEN))
    held.reload()
    (tmp_path / os.fsdecode(b"\xff.yaml")).write_text("policy: [")
    assert held.reload().swapped is False
    assert "\\udcff.yaml:0:0: error: is not read: its name is not UTF-8" in (held.trouble or "").encode().decode()
    (tmp_path / os.fsdecode(b"\xff.yaml")).write_text(SHUT.replace("policy: p", "policy: q"))
    assert "its name is not UTF-8; rename it" in (held.reload().trouble or "")


def test_a_fingerprint_changes_with_the_files(tmp_path: Path) -> None:
    """The fingerprint of a folder changes when a file is written, touched, added or removed, and only then."""
    held = bundles(write(tmp_path, p=OPEN))
    seen = [held.fingerprint()]
    assert held.fingerprint() == seen[0]
    changes = (
        lambda: write(tmp_path, p=SHUT),
        lambda: os.utime(tmp_path / "p.yaml", ns=(1, 1)),
        lambda: write(tmp_path, p_test=SUITE),
        lambda: (tmp_path / "q.yml").write_text(""),
        (tmp_path / "p.yaml").unlink,
    )
    for change in changes:
        change()
        seen.append(held.fingerprint())
    assert len(set(seen)) == len(changes) + 1
    assert bundles(tmp_path / "none").fingerprint() == ()


def test_a_fingerprint_does_not_rest_on_what_copies_keep(tmp_path: Path) -> None:
    """Other text of the same length is seen, written in place or moved there, also when it has the old one's time."""
    file = write(tmp_path, p=OPEN) / "p.yaml"
    held, was = bundles(tmp_path), file.stat()
    before = held.fingerprint()
    time.sleep(0.02)  # the system's own clock of files goes in steps of some milliseconds
    file.write_text(file.read_text().replace("allow: all", "allow: any"))
    os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))
    edited = held.fingerprint()
    (tmp_path / "new").write_text(file.read_text())
    os.utime(tmp_path / "new", ns=(was.st_atime_ns, was.st_mtime_ns))
    (tmp_path / "new").rename(file)
    assert (file.stat().st_mtime_ns, file.stat().st_size) == (was.st_mtime_ns, was.st_size)
    assert len({before, edited, held.fingerprint()}) == 3
