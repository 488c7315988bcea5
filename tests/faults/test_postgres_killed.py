"""PostgreSQL is killed while records come in, and started again: what was acknowledged is there afterwards."""

from pathlib import Path

from ingesting import MORE, PATIENCE_S, ROUNDS, History, goes_on, ingesting
from postgres_server import server
from serving_process import eventually
from workers_process import workers


def test_no_acknowledged_record_is_lost_with_postgresql(tmp_path: Path) -> None:
    """Meanwhile clients are told that the store is away, with 503 and nothing else; the same workers go on afterwards."""
    history = History()
    with server() as database:
        settings = {"store": {"url": database.url()}, "log": {"level": "error"}}
        with workers(tmp_path, **settings) as served:
            pids = served.pids
            with ingesting(history, served.admin):
                for _ in range(ROUNDS):
                    goes_on(history)
                    before = len(history.refused)
                    database.kill()
                    eventually(lambda: len(history.refused) > before, PATIENCE_S)  # noqa: B023 - waited for at once
                    database.start()
                goes_on(history)
            assert served.pids == pids
            history.check(served.public)
    assert {status for status, _ in history.refused} == {503}
    assert len(history.acknowledged) >= ROUNDS * MORE
