"""Records: what a kind is, how a record gets in, where it is kept."""
