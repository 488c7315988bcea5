"""The means of ``tests/http`` to start processes and to reach one of them, and those of ``tests/records`` to follow files."""

import sys
from pathlib import Path

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("http", "records"))
