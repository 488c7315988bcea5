"""The grammar of the verbs for whoever keeps a store: how much there is, copies of it, and the end of records."""

import argparse
from typing import Any

from sidecar.cli.options import add_instant, add_json, add_verb, utf8

_TENANT = "ORG/WS[/DEPLOYMENT]"
_STATS = """Tell how many records there are of each kind, under how many labels, and what share of them callers see.

The callers are those of the suites whose tenants have records here; some of their records are judged one by one.
"""
_BACKUP = """Copy the whole store into a file while others go on reading and writing it.

The copy is the store as it was at one moment. Of an SQLite store it is such a store again: name it in --store. Of a
PostgreSQL store it is what pg_dump makes, which has to be installed; pg_restore --dbname URL FILE restores it into an
empty database. A file that is there is left alone unless --force is given.
"""
_EXPIRE = """Remove the records that were kept as long as retention.keep says, each kind by its own age.

The age of a record is its updated_at_ms, or the instant that its kind has instead. What belongs to a removed record,
such as the events of a run, is not removed with it: name its kind too. serve does the same every retention.every_ms.
"""
_ERASE = """Remove all records of a tenant, for good.

Kept are the tenant's name, whether it ever had memberships and runs, and a number that counts its changes: so nothing
that a running sidecar remembers holds for records that come later. Other processes may go on meanwhile. An SQLite file
is then written anew, which takes as much room again and holds up writers, so that no trace is left in it; PostgreSQL
overwrites its own at its next VACUUM. Backups, replicas and archived logs keep what they hold, and a runtime that is
followed brings back what is in its files.
"""
_EXIT_OF_ERASE = (
    "exit codes: 0 fine, 1 whoever was asked said no or something is wrong in a file, "
    "2 something is wrong in the command or the configuration"
)


def lifecycle_verbs(verbs: Any, shared: argparse.ArgumentParser) -> None:
    """Add the verbs."""
    stats = add_verb(verbs, shared, "stats", "stats", _STATS, "sidecar stats\nsidecar stats --tenant acme/main --bytes")
    stats.add_argument("--tenant", type=utf8, metavar=_TENANT, help="only of this tenant, each part %%-encoded")
    stats.add_argument("--bytes", action="store_true", help="also weigh the documents; looks at every one")
    add_instant(stats)
    add_json(stats)
    backup = add_verb(verbs, shared, "backup", "backup", _BACKUP, "sidecar backup /backups/sidecar-$(date +%F).db")
    backup.add_argument("file", metavar="FILE", help="where the copy is put")
    backup.add_argument("--force", action="store_true", help="replace a file that is there")
    expire = add_verb(verbs, shared, "expire", "expire", _EXPIRE, "sidecar expire")
    add_instant(expire)
    add_json(expire)
    erase = add_verb(verbs, shared, "erase", "erase", _ERASE, "sidecar erase --tenant acme/main", _EXIT_OF_ERASE)
    about = "whose records, each part %%-encoded"
    erase.add_argument("--tenant", type=utf8, metavar=_TENANT, required=True, help=about)
    erase.add_argument("--yes", action="store_true", help="do not ask; needed where nobody can be asked")
    add_json(erase)
