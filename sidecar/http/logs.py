"""Where the log goes, and what each of its lines begins with."""

import logging


def log_to_stderr(level: str, worker: int | None = None) -> None:
    """Log what is at least of this level, in the name of one of several workers if there are several."""
    who = "" if worker is None else f" worker {worker}"
    form = f"%(asctime)s %(levelname)s{who} %(name)s: %(message)s"
    logging.basicConfig(level=level.upper(), format=form, force=worker is not None)
