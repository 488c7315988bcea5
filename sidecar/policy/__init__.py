"""Policies: read strictly, compiled once, judged per label, proven by their suites."""
