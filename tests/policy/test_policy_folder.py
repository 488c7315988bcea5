"""Folders of policies: nothing that looks meant as a policy is left unread without a word."""

from pathlib import Path

import pytest
from policy_files import HEAD, note_kinds, policy, write

from sidecar.errors import PolicyError
from sidecar.policy.bundle import build
from sidecar.policy.current import Bundles

OPEN, SHUT = policy("p", "allow x: true"), policy("p", "allow x: false")


@pytest.mark.parametrize(
    "name", ["q.yml", "q.YAML", "Q.Yml", "q_test.YAML", ".q.yml", "team/q.yaml", "team/q_test.yml", "team/eu/q.YAML"]
)
def test_what_looks_meant_and_is_not_read_is_an_error(tmp_path: Path, name: str) -> None:
    """A file that would be a policy by another suffix or in another place is told, at its path, and not left out."""
    folder = write(tmp_path / "mine", p=OPEN)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("policy: q")
    with pytest.raises(PolicyError) as error:
        build([folder], note_kinds())
    (finding,) = error.value.findings
    assert finding.path == str(folder / name)
    assert finding.message == f"is not read: a policy file ends in .yaml and lies in {folder} itself"


def test_a_suite_by_another_name_is_told_as_one(tmp_path: Path) -> None:
    """A suite whose file is not named as one is told what to be named, not each key that a policy does not have."""
    folder = write(tmp_path / "mine", p=OPEN)
    (folder / "p_tests.yaml").write_text("suite: p\nnow_ms: 1\ncallers: {}\n")
    with pytest.raises(PolicyError) as error:
        build([folder], note_kinds())
    (finding,) = error.value.findings
    assert (finding.path, finding.line) == (str(folder / "p_tests.yaml"), 1)
    assert finding.message == "this is a suite: name it X_test.yaml, beside its policy X.yaml"


def test_a_linked_folder_is_one(tmp_path: Path) -> None:
    """Policies below a link are told like those below a folder; a link to what is read anyway is none of that."""
    folder = write(tmp_path / "mine", p=OPEN)
    (folder / "same").symlink_to(folder)
    assert len(build([folder], note_kinds()).documents) == 1
    (folder / "team").symlink_to(write(tmp_path / "team", q=policy("q", "allow x: true")))
    with pytest.raises(PolicyError, match=r"team/q.yaml.*is not read"):
        build([folder], note_kinds())


def test_a_folder_below_that_is_named_too_is_read(tmp_path: Path) -> None:
    """Policies below a folder are no error where the folder that they lie in is named beside it."""
    folder = write(tmp_path / "mine", p=OPEN)
    below = write(folder / "team", q=policy("q", "allow x: true"))
    assert {one.name.text for one in build([folder, below], note_kinds()).documents} == {"p", "q"}


def test_what_is_hidden_or_no_policy_is_left_alone(tmp_path: Path) -> None:
    """Hidden folders, hidden files below, copies with another suffix and folders without policies change nothing."""
    folder = write(tmp_path / "mine", p=OPEN)
    for name in (".git/q.yaml", "team/.q.yaml", "team/.old/q.yaml", "team/readme.md", "p.yaml.bak", ".yaml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("nonsense: [")
    assert len(build([folder], note_kinds()).documents) == 1


def test_a_mounted_config_map_is_read_and_followed(tmp_path: Path) -> None:
    """Links into hidden folders, as Kubernetes mounts them, are policies, and new ones once the link is moved."""

    def mounted(name: str, text: str) -> None:
        (tmp_path / name).mkdir()
        (tmp_path / name / "p.yaml").write_text(HEAD + text)
        (tmp_path / "..data_tmp").symlink_to(name)
        (tmp_path / "..data_tmp").rename(tmp_path / "..data")

    mounted("..2024_06_01_10_00_00.1", OPEN)
    (tmp_path / "p.yaml").symlink_to("..data/p.yaml")
    held = Bundles([tmp_path], note_kinds())
    first, seen = held.reload(), held.fingerprint()
    assert (first.swapped, first.trouble) == (True, None)
    mounted("..2024_06_02_10_00_00.2", SHUT)
    assert held.fingerprint() != seen
    assert held.reload().swapped


def test_what_is_not_read_is_watched(tmp_path: Path) -> None:
    """A policy in a wrong place keeps the last good ones in force, and its going is noticed like its coming."""
    held = Bundles([write(tmp_path, p=OPEN)], note_kinds())
    good, before = held.reload(), held.fingerprint()
    wrong = write(tmp_path / "team", q=policy("q", "allow x: true")) / "q.yaml"
    assert held.fingerprint() != before
    refused = held.reload()
    assert (refused.revision, refused.swapped) == (good.revision, False)
    assert "team/q.yaml" in (refused.trouble or "")
    wrong.unlink()
    assert held.fingerprint() == before
    assert held.reload().trouble is None
