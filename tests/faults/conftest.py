"""The means of ``tests/http`` to start processes and to reach one of them."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "http"))
