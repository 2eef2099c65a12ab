import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from examples import listing
from hypothesis import given
from hypothesis import strategies as st
from venues import Venue

from app.feeds.recorded import read
from app.feeds.recording import RecordingError
from app.feeds.tape import MAKER, TAKER, Command, Quote, Tape, Trade
from app.settings import Profile
from app.topics import ACCOUNTS, ORDER_COMMANDS, partition_of, partitions_of
from schemas.accounts import DepositFunds
from schemas.enums import Side
from schemas.order_books import TradeExecuted
from schemas.order_commands import CancelRequest
from schemas.wire import NANOS

CENT = NANOS // 100


def line(kind: str, **data: object) -> bytes:
    return b"17 " + json.dumps({"stream": f"ethusdt@{kind}", "data": data}).encode()


def read_lines(folder: Path, *lines: bytes) -> list[Quote | Trade]:
    path = folder / "recording"
    path.write_bytes(b"".join(each + b"\n" for each in lines))
    return list(read(path))


def trade(number: int, price: str, quantity: str, *, is_sale: bool) -> bytes:
    return line("trade", E=1, T=1, s="ETHUSDT", t=number, p=price, q=quantity, m=is_sale)


def test_a_trade_whose_buyer_was_there_first_was_a_sale(tmp_path: Path) -> None:
    found = read_lines(tmp_path, trade(9, "2683.80000000", "0.00200000", is_sale=True))
    assert found == [Trade(17, "ETHUSDT", 9, 2_683_800_000_000, 2_000_000, Side.SELL)]


def test_a_quote_has_both_sides(tmp_path: Path) -> None:
    found = read_lines(tmp_path, line("bookTicker", u=1, s="ETHUSDT", b="1.5", B="2", a="1.6", A="3"))
    assert found == [Quote(17, "ETHUSDT", 1_500_000_000, 2 * NANOS, 1_600_000_000, 3 * NANOS)]


def depth(first: int, last: int) -> bytes:
    return line("depth@100ms", E=1, s="ETHUSDT", U=first, u=last, b=[["1", "1"]], a=[])


def test_books_are_passed_over_with_their_holes(tmp_path: Path) -> None:
    snapshot = b'17 {"lastUpdateId": 1, "bids": [], "asks": []}'
    assert read_lines(tmp_path, depth(1, 2), snapshot, depth(5, 6)) == []


@pytest.mark.parametrize(
    "text",
    [
        b"17 {",
        b"x {}",
        b"",
        trade(9, "NaN", "1", is_sale=True),
        trade(9, "-1", "1", is_sale=True),
        trade(9, "0.0000000001", "1", is_sale=True),
        trade(9, "1", "ten", is_sale=True),
        line("trade", s="ETHUSDT", p="1", q="1", m=True),
        line("bookTicker", s="ETHUSDT", b="1.5"),
    ],
)
def test_a_line_that_cannot_be_read_is_told_with_its_number(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(RecordingError, match=r"recording:2: "):
        read_lines(tmp_path, depth(1, 2), text)


@pytest.mark.parametrize("profile", list(Profile))
def test_maker_and_taker_share_a_shard_so_that_their_commands_keep_their_order(profile: Profile) -> None:
    for topic in (ACCOUNTS, ORDER_COMMANDS):
        count = partitions_of(topic, profile)
        assert partition_of(MAKER, count) == partition_of(TAKER, count)


prices = st.integers(1, 12).map(lambda ticks: ticks * CENT)
quantities = st.integers(1, 5).map(lambda lots: lots * NANOS)
trades = st.builds(
    Trade, st.just(0), st.just("ETHUSDT"), st.just(1), prices, quantities, st.sampled_from([Side.BUY, Side.SELL])
)


@st.composite
def quotes(draw: st.DrawFn) -> Quote:
    bid = draw(prices)
    return Quote(0, "ETHUSDT", bid, draw(quantities), bid + draw(prices), draw(quantities))


def told(commands: Iterator[Command]) -> list[str]:
    found = []
    for command in commands:
        if isinstance(command, CancelRequest):
            found.append("pull")
        else:
            who = "maker" if command.account_id == MAKER else "taker"
            found.append(
                f"{who} {command.side.value} {command.quantity // NANOS} @ {(command.limit_price or 0) // CENT}"
            )
    return found


def test_quotes_are_replaced_where_they_changed_and_pulled_where_a_trade_would_meet_them() -> None:
    tape = Tape("run")
    assert told(tape.play(Quote(0, "ETHUSDT", 5 * CENT, NANOS, 7 * CENT, NANOS))) == [
        "maker BUY 1 @ 5",
        "maker SELL 1 @ 7",
    ]
    assert told(tape.play(Quote(1, "ETHUSDT", 5 * CENT, NANOS, 8 * CENT, NANOS))) == ["pull", "maker SELL 1 @ 8"]
    sold = Trade(2, "ETHUSDT", 1, 5 * CENT, NANOS, Side.SELL)
    assert told(tape.play(sold)) == ["pull", "maker BUY 1 @ 5", "taker SELL 1 @ 5"]
    assert told(tape.pull()) == ["pull"]
    assert told(tape.pull()) == []


def market(rng: Random) -> Venue:
    """A venue with ETHUSDT, and purses for maker and taker."""
    venue = Venue(rng, {"accounts": 4, "order_books": 2, "positions": 2, "order_commands": 4, "inquiries": 1})
    venue.send(listing(symbol="ETHUSDT", base="ETH", quote="USDT", tick=CENT, lot=NANOS))
    for account_id in (MAKER, TAKER):
        for asset in ("ETH", "USDT"):
            venue.send(DepositFunds(account_id=account_id, asset=asset, amount=10**9 * NANOS))
    venue.settle()
    return venue


@given(st.lists(st.one_of(trades, quotes()), max_size=30), st.randoms(use_true_random=False))
def test_every_recorded_trade_and_no_other_happens_in_the_book(events: list[Quote | Trade], rng: Random) -> None:
    tape, venue = Tape("run"), market(rng)
    for event in events:
        for command in tape.play(event):
            venue.send(command)
    venue.settle()
    made = [event for event in venue.public if isinstance(event, TradeExecuted)]
    assert [(trade.execution_price, trade.quantity, trade.side) for trade in made] == [
        (event.price, event.quantity, event.taker) for event in events if isinstance(event, Trade)
    ]
    for command in tape.pull():
        venue.send(command)
    venue.settle()
    resting = [row for book in venue.of("order_books") for row in book.tables["orders"].rows]
    assert resting == [], "nothing of the maker is left behind"
