"""RE2 patterns: linear time, no back-references, so no pattern can hang a request."""

from functools import lru_cache
from typing import Any

import re2

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 1_048_576  # larger patterns take long to compile and slow to search with
_KEPT = 512


@lru_cache(maxsize=_KEPT)
def compile_pattern(pattern: str) -> Any:
    """The compiled pattern, kept for the next use. Raises ``re2.error``."""
    return re2.compile(pattern, _OPTIONS)
