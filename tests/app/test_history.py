"""The history: every record counts once, whenever the recorder dies."""

import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord
from examples import units

from app.codecs import Codec
from app.history import files
from app.history.ledger import HistoryError, Ledger
from app.history.recorder import Recorder
from app.registry import FileRegistry
from schemas.feeds import MarketDataEvent, TradePrint
from schemas.market_data import BarClosed
from schemas.wire import NANOS

CODEC = Codec(FileRegistry())
HOUR = 3_600 * NANOS
FIRST = 1_795_773_600 * NANOS // HOUR * HOUR


def trade(number: int, *, at: int = FIRST) -> TradePrint:
    return TradePrint("AAPL", units(100), units(number), "X", event_id=f"t{number}", timestamp=at)


def bar(revision: int = 0, *, close: int = 10) -> BarClosed:
    prices = dict.fromkeys(("open", "high", "low"), units(10)) | {"close": units(close)}
    amounts = {"volume": units(3), "vwap": None, "signed_volume": -units(1)}
    return BarClosed(symbol="AAPL", interval_s=60, start=FIRST, ticks=2, revision=revision, **prices, **amounts)


def kept(
    offset: int, message: Any, *, topic: str = "market-data", number: int | None = None
) -> ConsumerRecord[Any, Any]:
    value = message if isinstance(message, bytes) else CODEC.encode(message)
    headers = () if number is None else (("event_id", f"market_data-0-{number}".encode()),)
    return ConsumerRecord(topic, 0, offset, FIRST // 1_000_000, 0, None, value, None, 0, len(value), headers)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path) as found:
        yield found


def asked(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    return files.ask(folder, sql)[1]


def test_quotes_prints_and_bars_are_rows_with_exact_decimals(ledger: Ledger, tmp_path: Path) -> None:
    recorder = Recorder(ledger, CODEC)
    recorder.take(kept(0, MarketDataEvent("AAPL", "X", units("94.900000001"), None, timestamp=FIRST + 7)))
    recorder.take(kept(1, trade(10)))
    recorder.take(kept(2, b"not avro"))
    recorder.take(kept(0, bar(), topic="analytics-events", number=1))
    recorder.commit()
    assert asked(tmp_path, "SELECT bid_price, ask_price, epoch_ns(timestamp) FROM quotes") == [
        (Decimal("94.900000001"), None, FIRST + 7)
    ]
    assert asked(tmp_path, "SELECT quantity, aggressor, sets_price FROM prints") == [(Decimal(10), None, True)]
    assert asked(tmp_path, "SELECT close, signed_volume, vwap FROM bars") == [(Decimal(10), Decimal(-1), None)]
    assert recorder.undecodable == 1


def test_rows_lie_in_the_hour_in_which_they_were_so(ledger: Ledger) -> None:
    recorder = Recorder(ledger, CODEC)
    recorder.take(kept(0, trade(1)))
    recorder.take(kept(1, trade(2, at=FIRST + HOUR - 1)))
    recorder.take(kept(2, trade(3, at=FIRST + HOUR)))
    recorder.take(kept(3, trade(4, at=0)))  # no time of its own: when the broker got it
    recorder.commit()
    assert sorted((file.hour, file.rows) for file in ledger.files()) == [
        (files.hour_text(FIRST // HOUR), 3),
        (files.hour_text(FIRST // HOUR + 1), 1),
    ]


def test_what_a_shard_sends_again_is_left_out_and_the_last_revision_of_a_bar_counts(
    ledger: Ledger, tmp_path: Path
) -> None:
    recorder = Recorder(ledger, CODEC)
    for offset, (number, event) in enumerate([(1, bar()), (2, bar(1, close=11)), (1, bar()), (2, bar(1, close=11))]):
        recorder.take(kept(offset, event, topic="analytics-events", number=number))
    recorder.commit()
    assert recorder.repeated == 2
    assert asked(tmp_path, "SELECT count(*) FROM bar_revisions") == [(2,)]
    assert asked(tmp_path, "SELECT close FROM bars") == [(Decimal(11),)]


def test_an_hour_becomes_one_file_and_the_answers_stay(ledger: Ledger, tmp_path: Path) -> None:
    recorder = Recorder(ledger, CODEC)
    for number in range(1, 7):
        recorder.take(kept(number, trade(number)))
        recorder.commit()
    before = asked(tmp_path, "SELECT * FROM prints ORDER BY quantity")
    assert files.compact(ledger, before=files.hour_text(FIRST // HOUR)) == 0
    assert files.compact(ledger, before=files.hour_text(FIRST // HOUR + 1)) == 5
    assert asked(tmp_path, "SELECT * FROM prints ORDER BY quantity") == before
    assert [path.name for path in tmp_path.rglob("*.parquet")] == [Path(ledger.files()[0].path).name]


class Killed(BaseException):
    """The process is no more."""


@pytest.fixture
def deaths(monkeypatch: pytest.MonkeyPatch) -> Iterator[Random]:
    """Lets the process die now and then, before or after whatever touches the disk."""
    rng = Random(11)
    for owner, name in ((os, "fsync"), (Path, "rename"), (Path, "unlink"), (files, "_copy")):
        real = getattr(owner, name)

        def mortal(*arguments: Any, real: Any = real, **options: Any) -> Any:
            if rng.random() < 0.08:
                raise Killed
            found = real(*arguments, **options)
            if rng.random() < 0.08:
                raise Killed
            return found

        monkeypatch.setattr(owner, name, mortal)
    return rng


def test_a_recorder_that_dies_at_any_moment_records_everything_once(tmp_path: Path, deaths: Random) -> None:
    records = [kept(offset, trade(offset + 1, at=FIRST + offset * HOUR // 40)) for offset in range(200)]
    died, is_done = 0, False
    while not is_done:
        try:
            with Ledger(tmp_path) as ledger:
                recorder = Recorder(ledger, CODEC)
                for record in records[recorder.positions.get(("market-data", 0), 0) :]:
                    recorder.take(record)
                    if deaths.random() < 0.1:
                        recorder.commit()
                    if deaths.random() < 0.03:
                        files.compact(ledger, before="9999")
                recorder.commit()
                is_done = True
        except Killed:
            died += 1
    assert died > 10
    found = asked(tmp_path, "SELECT quantity FROM prints ORDER BY quantity")
    assert found == [(Decimal(number),) for number in range(1, 201)]


def test_two_processes_do_not_record_into_one_folder(tmp_path: Path) -> None:
    with Ledger(tmp_path), pytest.raises(HistoryError, match="another process"):
        Ledger(tmp_path)
    with Ledger(tmp_path):
        pass


def test_a_history_that_is_not_there_and_a_statement_that_is_none_are_told(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="no history"):
        asked(tmp_path, "SELECT 1")
    with Ledger(tmp_path):
        pass
    with pytest.raises(HistoryError, match="syntax"):
        asked(tmp_path, "SELEC 1")
    assert asked(tmp_path, "SELECT count(*) FROM bars") == [(0,)]


def test_a_file_that_vanished_is_told_at_the_start(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        recorder = Recorder(ledger, CODEC)
        recorder.take(kept(0, trade(1)))
        recorder.commit()
    next(tmp_path.rglob("*.parquet")).unlink()
    with pytest.raises(HistoryError, match="1 files of the ledger are gone"):
        Ledger(tmp_path)
