"""What is written for people: colours and a progress bar on a terminal only, and no character that commands one."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TextIO

from sidecar.errors import Finding

RED, GREEN, CYAN, DIM = 31, 32, 36, 2
LONGEST_LINE = 2_000


@dataclass(frozen=True, slots=True)
class Terminal:
    """Standard output and standard error."""

    out: TextIO
    err: TextIO
    environ: Mapping[str, str]

    @property
    def watched(self) -> bool:
        """Whether someone looks at standard error as it is written."""
        return self.err.isatty() and self.environ.get("TERM") != "dumb"

    def painted(self, text: str, colour: int, stream: TextIO | None = None) -> str:
        """The text in a colour, where the stream is a terminal and colours are welcome."""
        stream = stream or self.out
        plain = self.environ.get("NO_COLOR") or self.environ.get("TERM") == "dumb" or not stream.isatty()
        return text if plain else f"\x1b[{colour}m{text}\x1b[0m"

    def line(self, text: str = "") -> None:
        """A line of the answer; the caller has made it harmless or wrote it itself."""
        self.out.write(text + "\n")

    def json(self, value: Any) -> None:
        """A value on a line of its own, for programs; what of a path is no text is replaced."""
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        self.out.write(text.encode("utf-8", "replace").decode() + "\n")

    def say(self, text: str) -> None:
        """One line beside the answer, cut where it is long; what it quotes cannot begin another."""
        shown = text if len(text) <= LONGEST_LINE else text[:LONGEST_LINE] + "…"
        self.err.write(harmless(shown).replace("\n", "\\n") + "\n")

    def error(self, text: str) -> None:
        """Why there is no answer."""
        self.err.write(f"{self.painted('error:', RED, self.err)} {harmless(text)}\n")

    def findings(self, findings: Iterable[Finding]) -> None:
        """Findings on standard error."""
        for finding in findings:
            self.err.write(self.finding(finding, self.err) + "\n")

    def finding(self, finding: Finding, stream: TextIO | None = None) -> str:
        """A finding, its severity in colour."""
        severity = f"{finding.severity}:"
        colour = RED if finding.severity == "error" else CYAN
        return harmless(str(finding)).replace(severity, self.painted(severity, colour, stream), 1)


def harmless(text: str) -> str:
    """The text with every character that a terminal might obey written out."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in text)


def counted(number: int, one: str, many: str = "") -> str:
    """A number of things; of more than one ``many``, which is by default ``one`` with an s."""
    return f"{number} {one if number == 1 else many or one + 's'}"
