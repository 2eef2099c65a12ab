"""The door for market data: what it refuses, and how it packs what goes to one shard."""

from itertools import chain

import msgspec
import pytest
from examples import units
from machines import Machine, about, of_type

from domain.feeds import ALONE_MAX, COUNT_A_WAIT, LEVELS_MAX, MARKETS_MAX, PACK_NS, PACKED_MAX, WAITS_MAX, Kept
from domain.ingress import AHEAD_NS_MAX, Refused
from domain.money import AMOUNT_MAX
from domain.observations import DepthChanged, Printed, Quoted, unpacked
from schemas.enums import Side
from schemas.feeds import DepthUpdate, MarketDataEvent, PriceLevel, TradePrint
from schemas.market_data import RecordObservations
from schemas.shared import Tick

QUOTE = MarketDataEvent("AAPL", "NASDAQ", units("94.9"), units("95.1"), units(300), units(200), units(97), timestamp=7)
PRINT = TradePrint("AAPL", units(97), units(10), "NASDAQ", Side.SELL, "t1", timestamp=7)
DEPTH = DepthUpdate("AAPL", True, (PriceLevel(Side.BUY, units(94), units(5)),), "NASDAQ", timestamp=7)
LATER = PACK_NS + 10


def changed(message: object, **fields: object) -> object:
    return msgspec.structs.replace(message, **fields)  # type: ignore[type-var]


def busy() -> Machine:
    """A door through which so many went that the next one waits."""
    machine = Machine("feeds")
    for number in range(ALONE_MAX + 1):
        (record,) = machine.run(changed(QUOTE, exchange=f"X{number}"), at=LATER)
        assert (type(record), record.count) == (RecordObservations, 1)
    return machine


def told(*events: object) -> list[object]:
    return [found for event in of_type(events, RecordObservations) for found in unpacked(event.observations)]


def test_each_kind_of_message_becomes_what_it_says() -> None:
    machine = Machine("feeds", now=10)
    assert told(*machine.run(QUOTE, at=LATER)) == [
        Quoted("AAPL", "NASDAQ", 7, units("94.9"), units("95.1"), units(300), units(200), units(97), None, 0, "")
    ]
    assert told(*machine.run(PRINT, at=2 * LATER)) == [
        Printed("AAPL", "NASDAQ", 7, units(97), units(10), -1, 0, "t1", True, True, "")
    ]
    assert told(*machine.run(DEPTH, at=3 * LATER)) == [
        DepthChanged("AAPL", "NASDAQ", 7, True, ((units(94), units(5)),), (), 0, 0, None, "")
    ]


def test_what_has_no_time_is_of_the_moment_at_which_it_came() -> None:
    (found,) = told(*Machine("feeds").run(changed(QUOTE, timestamp=0), at=LATER))
    assert about(found, "at") == (LATER,)


def test_a_few_leave_at_once_and_what_comes_soon_after_them_leaves_together_in_its_order() -> None:
    machine = busy()
    second, third = changed(QUOTE, sequence=2), changed(PRINT, sequence=3)
    assert of_type(machine.run_all([second, third]), RecordObservations) == []
    assert machine.noun.deadline(machine.state) == LATER + PACK_NS
    (record,) = machine.run(Tick(is_manual=False), at=LATER + PACK_NS)
    assert [found.sequence for found in unpacked(record.observations)] == [2, 3]
    assert about(record, "count", "received_at", "symbol") == (2, LATER, "AAPL")
    assert machine.noun.deadline(machine.state) is None
    assert machine.run(Tick(is_manual=False), at=9 * LATER) == []


def test_the_next_one_takes_along_those_that_waited_long_enough() -> None:
    machine = busy()
    machine.run(changed(QUOTE, sequence=2), at=LATER + 1)
    found = told(*machine.run(changed(QUOTE, sequence=3), at=LATER + PACK_NS))
    assert [observation.sequence for observation in found] == [2, 3]


def test_no_pack_grows_beyond_its_bound_and_nothing_is_lost() -> None:
    machine = Machine("feeds")
    events = [event for number in range(1, 4_000) for event in machine.run(changed(QUOTE, sequence=number), at=LATER)]
    events += machine.run(Tick(is_manual=False), at=LATER + WAITS_MAX * PACK_NS)
    records = of_type(events, RecordObservations)
    assert [found.sequence for found in told(*records)] == list(range(1, 4_000))
    assert max(record.count for record in records) == PACKED_MAX


def test_a_pack_is_of_so_many_instruments_and_markets_at_most_and_nothing_is_lost() -> None:
    machine = Machine("feeds")
    quotes = [changed(QUOTE, symbol=f"S{number % 50}", exchange=f"X{number % 3}") for number in range(1_000)]
    events = [event for quote in quotes for event in machine.run(quote, at=LATER)]
    machine.state.rebuild()
    events += [event for quote in quotes for event in machine.run(quote, at=LATER)]
    events += machine.run(Tick(is_manual=False), at=LATER + WAITS_MAX * PACK_NS)
    packs = [unpacked(record.observations) for record in of_type(events, RecordObservations)]
    markets = [[about(each, "symbol", "exchange") for each in pack] for pack in packs]
    assert list(chain(*markets)) == [about(each, "symbol", "exchange") for each in 2 * quotes]
    assert max(len(set(pack)) for pack in markets) == MARKETS_MAX


@pytest.mark.parametrize(("in_a_wait", "waits"), [(1, 1), (COUNT_A_WAIT, 1), (3 * COUNT_A_WAIT, 3), (400, WAITS_MAX)])
def test_the_more_come_the_longer_they_wait_until_few_come_again(in_a_wait: int, waits: int) -> None:
    machine, now = Machine("feeds"), LATER
    for pause in (PACK_NS // in_a_wait, PACK_NS):
        for number in range(1, 10 * in_a_wait):
            now += pause
            machine.run(changed(QUOTE, sequence=number), at=now)
        (pack,) = [pack for _, pack in machine.state.packs.scan()]
        assert pack.wait == waits * PACK_NS
        waits = 1


def test_a_book_waits_for_nobody_and_overtakes_nobody() -> None:
    machine = busy()
    machine.run(changed(QUOTE, sequence=2), at=LATER)
    events = machine.run(DEPTH, at=LATER)
    assert [type(found) for found in told(*events)] == [Quoted, DepthChanged]
    assert of_type(events, Kept) == []


def test_a_pack_has_symbols_of_one_shard_only() -> None:
    partitions = {"feeds": 1, "market_data": 4}
    machine = Machine("feeds", partitions=partitions)
    symbols = [f"S{number}" for number in range(40)]
    for turn in range(2):
        for symbol in symbols:
            machine.run(changed(QUOTE, symbol=symbol, sequence=turn + 1), at=LATER)
    for record in of_type(machine.run(Tick(is_manual=False), at=2 * LATER), RecordObservations):
        places = {machine.state.key_of(found.symbol) for found in unpacked(record.observations)}
        assert places == {machine.state.key_of(record.symbol)}


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (changed(QUOTE, symbol=""), "BAD_NAME"),
        (changed(QUOTE, symbol="a|b"), "BAD_NAME"),
        (changed(QUOTE, symbol="S" * 65), "BAD_NAME"),
        (changed(QUOTE, exchange="a|b"), "BAD_NAME"),
        (changed(QUOTE, event_id="e" * 65), "BAD_NAME"),
        (changed(QUOTE, bid_price=-1), "BAD_PRICE"),
        (changed(QUOTE, ask_price=AMOUNT_MAX + 1), "BAD_PRICE"),
        (changed(QUOTE, last_price=-1), "BAD_PRICE"),
        (changed(QUOTE, bid_size=-1), "BAD_PRICE"),
        (changed(QUOTE, volume=-1), "BAD_PRICE"),
        (changed(QUOTE, timestamp=AHEAD_NS_MAX + 11), "SENT_TOO_FAR_AHEAD"),
        (changed(QUOTE, timestamp=-1), "BAD_TIME"),
        (changed(QUOTE, sequence=-1), "BAD_SEQUENCE"),
        (changed(PRINT, price=0), "BAD_PRICE"),
        (changed(PRINT, quantity=0), "BAD_PRICE"),
        (changed(PRINT, quantity=AMOUNT_MAX + 1), "BAD_PRICE"),
        (changed(PRINT, symbol=""), "BAD_NAME"),
        (changed(DEPTH, levels=(PriceLevel(Side.BUY, 0, 1),)), "BAD_PRICE"),
        (changed(DEPTH, levels=(PriceLevel(Side.SELL, 1, -1),)), "BAD_PRICE"),
        (changed(DEPTH, levels=(PriceLevel(Side.UNKNOWN, 1, 1),)), "BAD_PRICE"),
        (changed(DEPTH, levels=(PriceLevel(Side.SELL, 1, 1),) * (LEVELS_MAX + 1)), "TOO_MANY_LEVELS"),
    ],
)
def test_what_cannot_be_goes_no_further(wrong: object, reason: str) -> None:
    (refused,) = Machine("feeds").run(wrong, at=10)
    assert type(refused) is Refused
    assert refused.reason == reason


def test_a_crossed_a_locked_and_a_one_sided_market_are_handed_on() -> None:
    for quote in (
        changed(QUOTE, bid_price=units(96)),
        changed(QUOTE, bid_price=units("95.1")),
        changed(QUOTE, bid_price=0),
    ):
        assert len(told(*Machine("feeds").run(quote, at=LATER))) == 1
