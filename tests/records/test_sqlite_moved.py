"""A store's file that is not at its path any more: nothing is written that nobody would find, nothing read of another."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from store_notes import KINDS, A, B, note, refuse

from sidecar.errors import StoreError
from sidecar.records.sqlite import SqliteStore
from sidecar.records.sqlite.file import LOOK_S


def _replace(path: Path, kept: Path) -> None:
    shutil.copy(path, kept.with_suffix(".copy"))
    path.rename(kept)
    kept.with_suffix(".copy").rename(path)


def _move(path: Path, kept: Path) -> None:
    path.rename(kept)


def _delete(path: Path, kept: Path) -> None:
    kept.hardlink_to(path)
    path.unlink()


async def test_a_refused_read_leaves_its_turn_to_the_next(tmp_path: Path) -> None:
    """However often a store's only reader is refused, opened already or not, it reads on once the file is back."""
    path, kept = tmp_path / "s.db", tmp_path / "kept.db"
    store = SqliteStore(path, KINDS, refuse, read_connections=1)
    for _ in ("not opened yet", "opened"):
        _move(path, kept)
        await asyncio.sleep(LOOK_S)
        for _ in range(2):
            async with asyncio.timeout(5):
                with pytest.raises(StoreError, match=r"was moved, replaced or deleted|unable to open"):
                    await store.ready()
        kept.rename(path)
        async with asyncio.timeout(5):
            await store.ready()
    await store.close()


@pytest.mark.parametrize("away", [_move, _replace, _delete])
async def test_a_store_whose_file_is_gone_refuses_until_it_is_back(
    tmp_path: Path, away: Callable[[Path, Path], None]
) -> None:
    """Every read and write says so, on connections old and new; once the file is back, all goes on in it."""
    path, kept = tmp_path / "s.db", tmp_path / "kept.db"
    store = SqliteStore(path, KINDS, refuse)
    await store.put([note(A, "one", 1, "u")])
    async with store.snapshot(A):
        away(path, kept)
        there = path.exists()
        await asyncio.sleep(LOOK_S)
        with pytest.raises(StoreError, match=r"was moved, replaced or deleted|unable to open"):
            await store.ready()
        for _ in range(2):
            with pytest.raises(StoreError, match="was moved, replaced or deleted"):
                await store.put([note(B, "lost", 2, "secret")])
            with pytest.raises(StoreError, match=r"was moved, replaced or deleted|unable to open"):
                await store.ready()
            with pytest.raises(StoreError, match=r"was moved, replaced or deleted|unable to open"):
                await store.counts()
    with pytest.raises(StoreError, match="was moved, replaced or deleted"):
        await store.ready()
    assert path.exists() == there
    kept.replace(path)
    await store.put([note(B, "two", 2, "v")])
    assert [count.records for count in await store.counts()] == [1, 1]
    async with store.snapshot(A) as one, store.snapshot(B) as two:
        assert [body for snap in (one, two) for _, body in await snap.labels("note", 0)] == [
            b'{"unit":"u"}',
            b'{"unit":"v"}',
        ]
    await store.close()
