"""All machines together, in every order in which records may arrive; and the real shards, which may die at any time."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from days import Day, Invariants, check_at_rest, check_books, check_ledger, check_settlement, drain
from effort import seeds
from examples import BUY, IOC, SELL, amend, cancel, deposit, listing, place, place_market, units
from hypothesis import given, settings
from hypothesis import strategies as st
from machines import Machine, of_type
from venues import NOUN_OF, SHARDS, ByteShard, ByteVenue, Venue

from app.settings import Profile
from app.topics import DEAD_LETTERS, INBOXES, partitions_of
from domain.account_rows import FEES
from schemas.accounts import BalanceEvent, OrderEvent, ResetAccounts
from schemas.enums import OrderStatus, ReasonCode
from schemas.order_commands import NewOrder
from schemas.wire import NANOS, Message

ROOT = Path(__file__).parents[2]


def day(rng: Random, commands: int, *, resets: bool = False) -> tuple[Venue, Invariants]:
    """A day whose records arrive as they like. What holds after every record was looked at after every record."""
    seen = Invariants()
    venue = Venue(rng, watches=[seen])
    people = Day(rng, resets=resets)
    for command in people.opening():
        venue.send(command)
    venue.settle()
    for _ in range(commands):
        venue.send(people.command())
        if rng.random() < 0.1:
            venue.tick()
        venue.steps(rng.choice((0, 1, 4, 12)))
    venue.settle()
    return venue, seen


@pytest.mark.parametrize("seed", seeds(40))
def test_no_money_is_made_or_lost_however_records_arrive(seed: int) -> None:
    venue, seen = day(Random(seed), 600)
    check_at_rest(venue, seen)
    check_settlement(venue, seen)
    drain(venue, seen)
    check_at_rest(venue, seen)
    check_settlement(venue, seen)
    assert seen.trades


@given(st.randoms(use_true_random=False), st.integers(1, 40))
@settings(max_examples=25)
def test_no_money_is_made_or_lost_on_a_short_day(rng: Random, commands: int) -> None:
    venue, seen = day(rng, commands)
    drain(venue, seen)
    check_at_rest(venue, seen)
    check_settlement(venue, seen)


@pytest.mark.parametrize("seed", seeds(20))
def test_resets_may_come_at_any_time_and_more_than_one_at_once(seed: int) -> None:
    venue, seen = day(Random(seed), 300, resets=True)
    check_at_rest(venue, seen)
    assert not any(machine.state.shard_row().reset_id for machine in venue.of("accounts"))
    venue.send(ResetAccounts("last", "", command_id="last"))
    venue.settle()
    check_at_rest(venue, seen)
    assert not any(event.total for event in seen.balances.values())
    assert not any(event.quantity for event in seen.positions.values())


REASONS = {
    ReasonCode.BUYING_POWER,
    ReasonCode.IOC_REMAINDER,
    ReasonCode.FOK_UNFILLABLE,
    ReasonCode.MARKET_REMAINDER,
    ReasonCode.REQUESTED,
    ReasonCode.UNKNOWN_SYMBOL,
    ReasonCode.OFF_LOT,
    ReasonCode.MONEY_SPENT,
    ReasonCode.PARENT_ENDED,
    ReasonCode.POSITION_LIMIT,
    ReasonCode.CONCENTRATION,
    ReasonCode.ACCOUNT_HALTED,
    ReasonCode.KILL_SWITCH,
    ReasonCode.DISCONNECTED,
    ReasonCode.AUCTION_REMAINDER,
    ReasonCode.INSTRUMENT_EXPIRED,
    ReasonCode.EXPIRED,
}
"""Some of those for which orders are refused or end on a usual day."""


def test_a_day_has_something_of_everything() -> None:
    """Or the properties above would hold for want of an example."""
    statuses: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    exits: Counter[str] = Counter()
    venues: Counter[str] = Counter()
    fees = at_a_tier = shorts = 0
    for seed in range(20):
        venue, seen = day(Random(seed), 600)
        venues.update(trade.venue for trade in seen.trades)
        statuses.update(event.status for event in seen.orders.values())
        reasons.update(event.reason_code for event in seen.orders.values() if event.reason_code)
        exits.update(event.status for event in seen.orders.values() if event.parent_id)
        shorts += sum(event.total < 0 for event in of_type(venue.public, BalanceEvent))
        at_a_tier += sum(1 for machine in venue.of("accounts") for _ in machine.state.traded_values.scan())
        fees += sum(row.total for machine in venue.of("accounts") for _, row in machine.state.balances.scan(f"{FEES}|"))
    assert {OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED} <= statuses.keys()
    assert reasons.keys() >= REASONS
    assert {OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.TRIGGER_WAIT, OrderStatus.OPEN} <= exits.keys()
    assert fees > 0
    assert venues.total() > 20 * 20
    assert shorts > 0
    assert at_a_tier > 0
    assert venues["SIM"] > 50
    assert venues["RFQ"] > 10


@pytest.mark.parametrize("seed", seeds(5))
def test_the_same_records_bring_the_same_rows_and_events_from_any_memory(seed: int) -> None:
    """Each inbox is folded once more, by a machine that is made anew from its rows every few records."""
    rng = Random(seed)
    venue, _ = day(rng, 200)
    for place_, machine in venue.machines.items():
        again = Machine(*place_, SHARDS)
        plain = Machine(*place_, SHARDS)
        for command in venue.inboxes[place_]:
            if rng.random() < 0.2:
                again = again.rebuilt()
            if rng.random() < 0.1:
                mark = len(again.undo)
                again.run(command)
                again.take_back(mark)
            assert said(again.run(command)) == said(plain.run(command))
        assert again.snapshot() == plain.snapshot() == machine.snapshot()


def said(events: list[Any]) -> list[Any]:
    """What leaves a shard. In which inner events it is decided may depend on what the shard has looked at before."""
    return [event for event in events if isinstance(event, Message)]


@pytest.mark.parametrize("seed", seeds(12))
def test_shards_that_die_between_any_two_records_leave_no_trace(seed: int) -> None:
    """Real rows and bytes. Each inbox is folded once more by a shard that nobody disturbs, and by the pure machine."""
    rng = Random(seed)
    venue = ByteVenue(rng, crashes=0.1)
    people = Day(rng, resets=seed % 3 == 0)
    for command in people.opening():
        venue.send(command)
    venue.settle()
    for number in range(300):
        venue.send(people.command())
        if number % 20 == 0:
            venue.tick()
        venue.steps(rng.choice((0, 1, 4, 12)))
    venue.settle()
    assert venue.crashed > 10
    assert venue.lost
    counts = {noun: partitions_of(topic, Profile.TEST) for noun, topic in INBOXES.items()}
    for shard, calm, sent in venue.folded():
        inbox = shard.inbox
        assert shard.shard.rows.digest == calm.shard.rows.digest == calm.shard.rows.full_digest()
        own = {key: value for key, value in venue.sent.items() if _sender(key[1]) == (inbox.topic, inbox.number)}
        assert own == sent
        letters = [venue.codec.decode(value) for key, value in sent.items() if key[0].topic == DEAD_LETTERS]
        assert {letter.reason for letter in letters} <= {"BAD_NAME", "CROSSED_QUOTE"}
        pure = Machine(NOUN_OF[inbox.topic], inbox.number, counts)
        _fold(calm, pure)
        rows = {name: dict(calm.shard.rows[name].scan()) for name in pure.noun.tables}
        assert pure.snapshot() == rows
        if inbox.topic == INBOXES["accounts"]:
            check_ledger(shard.state)
        elif inbox.topic == INBOXES["order_books"]:
            check_books(shard.state)


def _sender(name: bytes) -> tuple[str, int]:
    return name[18:].decode(), int.from_bytes(name[:2], "big")


def _fold(calm: ByteShard, pure: Machine) -> None:
    """Brings a shard's inbox into the pure machine, each record once."""
    seen: dict[bytes, bytes] = {}
    for record in calm.log:
        command = calm.codec.decode(record.value)
        if record.headers:
            name = record.headers[0][1]
            source, position = name[:2] + name[18:], name[2:18]
            if position <= seen.get(source, b""):
                continue
            seen[source] = position
        if not command.command_id:
            number = f"{calm.inbox.topic}-{calm.inbox.number}-{record.offset}"
            command = msgspec.structs.replace(command, command_id=number)
        pure.run(command, at=record.timestamp * 1_000_000 if pure.noun.is_ingress else None)


DIGESTS = """
import hashlib
from random import Random
from typing import Any
import msgspec
from days import Day
from schemas.accounts import ResetAccounts
from venues import Venue

rng = Random(5)
venue = Venue(rng)
people = Day(rng)
for command in people.opening():
    venue.send(command)
venue.settle()
for _ in range(300):
    venue.send(people.command())
    venue.tick()
    venue.steps(5)
venue.send(ResetAccounts("r", ""))
venue.settle()
text = repr((venue.public, [machine.snapshot() for machine in venue.machines.values()]))
print(hashlib.sha256(text.encode()).hexdigest(), len(venue.public))
"""


def test_the_order_of_hashes_changes_nothing() -> None:
    found = set()
    for seed in "123456":  # with two, a set of two symbols may come out alike by chance
        environment = os.environ | {
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests" / "support")]),
        }
        found.add(
            subprocess.run([sys.executable, "-c", DIGESTS], env=environment, check=True, capture_output=True).stdout
        )
    (only,) = found
    assert int(only.split()[1]) > 500


# Examples of the whole way.


def venue_with(*commands: object) -> Venue:
    venue = Venue(Random(1))
    for command in (listing(), *commands):
        venue.send(command)
        venue.settle()
    return venue


def balances(venue: Venue, account: str) -> dict[str, tuple[float, float]]:
    return {
        key.partition("|")[2]: (row.total / NANOS, row.reserved / NANOS)
        for machine in venue.of("accounts")
        for key, row in machine.state.balances.scan(f"{account}|")
    }


def words(venue: Venue, account: str, order: str) -> list[str]:
    events = of_type(venue.public, OrderEvent)
    return [event.status.value for event in events if (event.account_id, event.order_id) == (account, order)]


START = (deposit(1000, "USDT", "1"), deposit(500, "ADA", "2"))


@pytest.mark.parametrize("order", range(6))
def test_the_three_curls_of_the_exchange_bring_the_same_in_every_order(order: int) -> None:
    curls = (
        place("a", BUY, 10, "1.9", account="1"),
        place("b", SELL, 10, "2", account="2"),
        place("c", SELL, 1, "1.9", account="2"),
    )
    first, second = curls[order % 3], [curl for curl in curls if curl is not curls[order % 3]]
    venue = venue_with(*START, first, *(second if order < 3 else reversed(second)))
    assert balances(venue, "1") == {"USDT": (998.1, 17.1), "ADA": (1, 0)}
    assert balances(venue, "2") == {"USDT": (1.9, 0), "ADA": (499, 10)}
    assert words(venue, "2", "c")[-1] == "FILLED"
    assert words(venue, "1", "a")[-1] == "PARTIALLY_FILLED"
    assert words(venue, "2", "b")[-1] == "OPEN"


def test_immediate_or_cancel_ten_against_four_fills_four_and_releases_six() -> None:
    venue = venue_with(*START, place("b", SELL, 4, 2, account="2"), place("a", BUY, 10, 2, account="1", tif=IOC))
    assert words(venue, "1", "a") == ["PENDING", "VALIDATED", "RISK_APPROVED", "PARTIALLY_FILLED", "CANCELLED"]
    assert balances(venue, "1") == {"USDT": (992, 0), "ADA": (4, 0)}


def test_a_market_buy_pays_what_is_asked_and_keeps_the_collar() -> None:
    venue = venue_with(*START, place("b", SELL, 4, 2, account="2"), place("c", SELL, 9, "2.11", account="2"))
    venue.send(place_market("a", BUY, 10, account="1"))
    venue.settle()
    assert words(venue, "1", "a")[-2:] == ["PARTIALLY_FILLED", "CANCELLED"]
    assert balances(venue, "1") == {"USDT": (992, 0), "ADA": (4, 0)}


def test_an_order_of_another_system_trades_like_any_other() -> None:
    new = NewOrder("1", "ADAUSDT", BUY, place("x").order_type, units(4), limit_price=units(2), client_order_id="mine")
    venue = venue_with(*START, place("b", SELL, 4, 2, account="2"), new, new)
    assert words(venue, "1", "k0-1")[-1] == "FILLED"
    assert words(venue, "1", "k0-2") == []
    assert balances(venue, "1") == {"USDT": (992, 0), "ADA": (4, 0)}


def test_two_accounts_that_choose_the_same_order_id_do_not_meet() -> None:
    """They live in different shards: only the book can tell."""
    venue = venue_with(*START, place("same", BUY, 10, 2, account="1"), place("same", SELL, 10, 3, account="2"))
    assert words(venue, "1", "same")[-1] == "OPEN"
    assert words(venue, "2", "same")[-1] == "REJECTED"
    venue.send(cancel("same", "1"))
    venue.settle()
    assert balances(venue, "1") == {"USDT": (1000, 0)}
    assert balances(venue, "2") == {"ADA": (500, 0)}


def test_amends_that_overtake_fills_never_need_what_is_not_there() -> None:
    orders = [place(f"b{number}", SELL, 2, 2, account="2") for number in range(5)]
    for seed in range(50):
        seen = Invariants()
        venue = Venue(Random(seed), watches=[seen])
        for command in (listing(), deposit(20, "USDT", "1"), START[1], place("a", BUY, 10, 2, account="1")):
            venue.send(command)
            venue.settle()
        for number, command in enumerate(orders):
            venue.send(command)
            venue.send(amend("a", 10 - number, "1.9" if number % 2 else "2", account="1", command=f"a{number}"))
        venue.settle()
        check_at_rest(venue, seen)
