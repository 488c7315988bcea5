"""The README's first rule, followed to the letter: its commands in a copy of the checkout, and what it says they print."""

import re
import shutil
import sys
from pathlib import Path

import pytest
from commands import Commands

ROOT = Path(__file__).parent.parent
SECTION = (ROOT / "README.md").read_text().split("\n## A first rule\n")[1].split("\n## ")[0]
SETUP, RULE, CHECKED, CASE, SEEN = re.findall(r"^```\w*\n(.*?)^```$", SECTION, re.DOTALL | re.MULTILINE)
SLIPS = {"caler": "caller", "owning_org_unit)": "owning_org_unit_id)"}


@pytest.fixture
def shell(tmp_path: Path) -> Commands:
    """A shell in a copy of what the section needs, whose virtual environment is this one."""
    for name in ("policies", "deploy/demo"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "activate").write_text(f'PATH="{Path(sys.executable).parent}:$PATH"\n')
    return Commands(tmp_path, ("bash", "-c"))


def printed(shell: Commands, command: str) -> str:
    """What a terminal shows of a command."""
    return shell.run(f"exec 2>&1\n. .venv/bin/activate\n{command}").out


def follow(shell: Commands, session: str) -> None:
    """Each command of a session prints what stands below it; … is whatever is left out, of a line or of lines."""
    _, *parts = re.split(r"^\$ ", session, flags=re.MULTILINE)
    assert parts
    for part in parts:
        command, *lines = part.splitlines()
        shown = printed(shell, command)
        assert re.fullmatch("".join(map(_line, lines)), shown), f"{command}\n{shown}"


def _line(line: str) -> str:
    return r"(?:.*\n)*?" if line == "…" else re.escape(line).replace("…", ".*") + r"\n"


def edit(path: Path, *changes: tuple[str, str]) -> None:
    """Change a file; each text that is changed must be there once."""
    text = path.read_text()
    for before, after in changes:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    path.write_text(text)


def test_the_first_rule_is_written_as_the_readme_tells(shell: Commands) -> None:
    """Each command prints what the README says: the records before the rule, its slips, what the suite misses, what it hides."""
    count = re.search(r"wc -l +# (\d+)", SETUP)
    assert count is not None
    assert printed(shell, SETUP).splitlines()[-1].strip() == count[1]

    mine = shell.folder / "mine"
    (mine / "org_units.yaml").write_text((mine / "org_units.yaml").read_text() + RULE)
    follow(shell, CHECKED)

    edit(mine / "org_units.yaml", *SLIPS.items())
    missed = re.search(r"the suite speaks: `(.+?)`", SECTION)
    assert missed is not None
    assert missed[1] in printed(shell, "sidecar --policies mine test")

    added = re.findall(r"^(\w+:\n)((?: .+\n)+)", CASE, re.MULTILINE)
    edit(mine / "org_units_test.yaml", *((f"\n{under}", f"\n{under}{lines}") for under, lines in added))
    follow(shell, SEEN)
