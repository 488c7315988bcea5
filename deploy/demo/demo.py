"""Make the demo company, load it into a fresh store, say what to ask, and serve: ``make demo``."""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from company import clock, write

RUN = "/stateful-runtime/runs/run-supplier-payments-005"
ASK = (
    (
        "An operator lists the runs that wait for a person:",
        ("olivia.hart", "workspace_operator"),
        "/stateful-runtime/runs?status=awaiting_approval&limit=3",
    ),
    ("A finance analyst looks into a payment that failed:", ("felix.moreau", ""), f"{RUN}/observability"),
    ("Customer Care asks for the same run and learns nothing, not even that it exists:", ("tom.brandt", ""), RUN),
)


def questions(listen: str) -> str:
    """The curl lines, each under what it shows."""
    lines = []
    for shows, (actor, role), path in ASK:
        headers = {"org-id": "larkfield", "workspace-id": "operations", "actor-id": actor, "roles": role}
        given = " ".join(f"-H 'x-tandem-{name}: {value}'" for name, value in headers.items() if value)
        lines.append(f"# {shows}\ncurl -s {given} 'http://{listen}{path}'\n")
    return "\n".join(lines)


def main() -> None:
    """Load, print, and become the server."""
    parser = argparse.ArgumentParser(description="Serve the demo company from a fresh store.")
    parser.add_argument("--listen", default="127.0.0.1:8480")
    parser.add_argument("--admin-listen", default="127.0.0.1:8481")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="sidecar-demo-"))
    write(folder / "records", clock())
    os.environ["SIDECAR_STORE"] = f"sqlite:///{folder}/sidecar.db"
    sidecar = (sys.executable, "-m", "sidecar")
    loaded = subprocess.run((*sidecar, "load", str(folder / "records")), check=False)  # noqa: S603 - this interpreter, our module
    if loaded.returncode:
        sys.exit(loaded.returncode)
    print(f"\nRecords and store are in {folder}. Ask, from another terminal:\n\n{questions(given.listen)}", flush=True)
    serve = ("serve", "--listen", given.listen, "--admin-listen", given.admin_listen)
    os.execv(sys.executable, (*sidecar, *serve))  # noqa: S606 - the same


if __name__ == "__main__":
    main()
