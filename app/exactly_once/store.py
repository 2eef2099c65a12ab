"""The store of a shard: a RocksDB folder with what the changelog said at one offset; in doubt it is thrown away."""

import logging
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import cast

from rocksdict import BlockBasedOptions, Cache, Options, Rdict, WriteBatch

from app.exactly_once.log import Partition
from app.exactly_once.rows import Changes

logger = logging.getLogger(__name__)

PORTION_ROWS = 1_000
_META = b"\0meta"
_WRITE_BUFFER_BYTES = 4 << 20
_CACHE = Cache(16 << 20)
"""Blocks that were read, of all shards of the process."""


def _options() -> Options:
    table = BlockBasedOptions()
    table.set_block_cache(_CACHE)
    table.set_bloom_filter(10, block_based=False)
    table.set_cache_index_and_filter_blocks(True)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(table)
    options.set_write_buffer_size(_WRITE_BUFFER_BYTES)
    options.set_max_write_buffer_number(2)
    options.set_max_open_files(64)
    options.set_keep_log_file_num(1)
    return options


class RocksStore:
    """Rows under table, zero byte and key, and the mark of the changelog record that was applied last."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._database = Rdict(str(folder), _options())
        except Exception as error:
            if "LOCK:" in str(error):  # another process has it, or another object of this one
                raise
            logger.warning("%s cannot be opened and is thrown away: %s", folder, error)
            Rdict.destroy(str(folder), _options())
            self._database = Rdict(str(folder), _options())

    def get(self, table: str, key: str) -> bytes | None:
        """The bytes of one row."""
        found: bytes | None = self._database.get(_key(table, key))
        return found

    def items(self, table: str, prefix: str = "") -> Iterator[tuple[str, bytes]]:
        """Rows whose key begins with `prefix`, as they are now, in key order."""
        begin, skip = _key(table, prefix), len(table.encode()) + 1
        for key, data in self._items(begin):
            if not key.startswith(begin):
                return
            yield key[skip:].decode(), data

    def all_items(self) -> Iterator[tuple[str, str, bytes]]:
        """Every row of every table, table by table."""
        for key, data in self._items(None):
            table, _, name = key.decode().partition("\0")
            if table:
                yield table, name, data

    def _items(self, begin: bytes | None) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values from `begin` on; in raw mode both are bytes.

        In portions, for an iterator of RocksDB that is still there keeps the folder locked even after `close`.
        """
        while True:
            found = self._database.items(from_key=begin)
            portion = cast("list[tuple[bytes, bytes]]", list(islice(found, PORTION_ROWS)))
            del found
            yield from portion
            if len(portion) < PORTION_ROWS:
                return
            begin = portion[-1][0] + b"\0"

    def write(self, changes: Changes, meta: bytes | None) -> None:
        """Rows and mark in one step. Without a mark, what is there is void until a mark follows."""
        batch = WriteBatch(raw_mode=True)
        for table, changed in changes.items():
            prefix = table.encode() + b"\0"
            for key, data in changed.items():
                if data is None:
                    batch.delete(prefix + key.encode())
                else:
                    batch.put(prefix + key.encode(), data)
        if meta is not None:
            batch.put(_META, meta)
        self._database.write(batch)

    def meta(self) -> bytes | None:
        """What `write` was given last."""
        found: bytes | None = self._database.get(_META)
        return found

    def clear(self) -> None:
        """Begins anew with nothing."""
        self._database.close()
        Rdict.destroy(str(self._folder), _options())
        self._database = Rdict(str(self._folder), _options())

    def close(self) -> None:
        """Lets the folder go, for another object of this process or another process."""
        self._database.close()


class Stores:
    """The folder of one worker instance: a store a shard."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, inbox: Partition) -> RocksStore:
        """Opens the store of a shard."""
        return RocksStore(self._folder / str(inbox))


def _key(table: str, key: str) -> bytes:
    return f"{table}\0{key}".encode()
