"""Keeping a store equal to the files of a runtime while both are at work: the files own the truth."""
