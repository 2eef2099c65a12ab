"""The store on disk: a real RocksDB in a folder of the test's own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.exactly_once import store as store_module
from app.exactly_once.log import Partition
from app.exactly_once.store import RocksStore, Stores

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


def test_rows_and_mark_are_there_after_it_was_opened_again(folder: Path) -> None:
    store = RocksStore(folder)
    assert store.meta() is None
    store.write({"balances": {"alice": b"1", "bob": b"2"}, "orders": {"7": b"x"}}, b"first")
    store.write({"balances": {"alice": b"3", "bob": None}}, b"second")
    store.close()
    store = RocksStore(folder)
    assert (store.get("balances", "alice"), store.get("balances", "bob"), store.meta()) == (b"3", None, b"second")
    assert sorted(store.all_items()) == [("balances", "alice", b"3"), ("orders", "7", b"x")]
    store.close()


def test_rows_of_a_prefix_come_in_key_order_and_from_one_table(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "PORTION_ROWS", 3)  # rows are read in portions
    store = RocksStore(folder)
    keys = [f"a{number}" for number in range(7)] + ["b", "ä", "a"]
    store.write({"t": {key: key.encode() for key in reversed(keys)}, "t2": {"a9": b""}, "s": {"z": b""}}, b"mark")
    assert [key for key, _ in store.items("t", "a")] == ["a", *(f"a{number}" for number in range(7))]
    assert [key for key, _ in store.items("t")] == ["a", *(f"a{number}" for number in range(7)), "b", "ä"]
    assert list(store.items("t", "c")) == []
    assert list(store.items("unknown")) == []
    assert len(list(store.all_items())) == 12
    store.close()


def test_a_store_that_was_closed_while_somebody_reads_it_can_be_opened_again(folder: Path) -> None:
    store = RocksStore(folder)
    store.write({"t": {str(number): b"x" for number in range(5_000)}}, b"mark")
    reading = store.items("t")  # as a sweep does, for as long as it takes
    next(reading)
    store.close()
    again = RocksStore(folder)
    assert again.meta() == b"mark"
    again.close()


def test_a_store_that_is_cleared_while_somebody_reads_it_begins_anew(folder: Path) -> None:
    store = RocksStore(folder)
    store.write({"t": {str(number): b"x" for number in range(5_000)}}, b"mark")
    reading = store.all_items()
    next(reading)
    store.clear()
    assert (store.meta(), list(store.all_items())) == (None, [])
    store.write({"t": {"a": b"1"}}, b"new")
    assert store.get("t", "a") == b"1"
    store.close()


@pytest.mark.parametrize("hurt", ["CURRENT", "MANIFEST"])
def test_a_folder_that_cannot_be_opened_is_thrown_away(folder: Path, hurt: str) -> None:
    store = RocksStore(folder)
    store.write({"t": {"a": b"1"}}, b"mark")
    store.close()
    for path in folder.glob(f"{hurt}*"):
        path.write_bytes(b"nonsense")
    store = RocksStore(folder)
    assert (store.meta(), list(store.all_items())) == (None, [])
    store.write({"t": {"a": b"2"}}, b"mark")
    store.close()


def test_a_folder_that_another_process_has_is_left_alone(folder: Path) -> None:
    store = RocksStore(folder)
    store.write({"t": {"a": b"1"}}, b"mark")
    with pytest.raises(Exception, match="LOCK"):
        RocksStore(folder)
    assert store.get("t", "a") == b"1"
    store.close()


def test_every_shard_has_a_folder(tmp_path: Path) -> None:
    stores = Stores(tmp_path)
    opened = [stores(Partition("accounts-inbox", number)) for number in range(2)]
    opened[0].write({"t": {"a": b"0"}}, b"mark")
    assert opened[1].get("t", "a") is None
    assert {path.name for path in tmp_path.iterdir()} == {"accounts-inbox-0", "accounts-inbox-1"}
    for store in opened:
        store.close()


WRITER = """
import sys
from pathlib import Path
from app.exactly_once.store import RocksStore
store = RocksStore(Path(sys.argv[1]))
number = 0
while True:
    number += 1
    store.write({"t": {f"{key}": b"%d" % number for key in range(200)}}, b"%d" % number)
    if number == 50:
        print("writing", flush=True)
"""


def test_rows_and_mark_are_one_step_whenever_the_process_is_killed(folder: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        env=os.environ | {"SUPERVISED": ""},
    )
    assert writer.stdout
    assert writer.stdout.readline() == b"writing\n"
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    store = RocksStore(folder)
    mark = store.meta()
    assert mark is not None
    assert int(mark) >= 50
    assert {data for _, _, data in store.all_items()} == {mark}
    store.close()
