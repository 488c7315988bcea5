"""The paths that most tests of this folder ask."""

RUNS = "/stateful-runtime/runs"
RELIABILITY = "/stateful-runtime/reliability"
DEAD_LETTERS = "/v1/records/dead_letter"
