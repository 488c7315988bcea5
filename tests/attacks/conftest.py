"""The attacks use the builders of the visibility tests: hidden records are the same ones, with a canary inside."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "visibility"))
