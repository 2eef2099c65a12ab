"""One record does a bounded amount of work. What comes of a day of orders does not depend on where the bound lies."""

from collections import deque
from random import Random
from typing import Any

import msgspec
import pytest
from effort import seeds
from examples import BUY, FOK, GTC, IOC, MARKET, SECOND, SELL, enter, listing, replace, take_out, units
from machines import Machine, of_type

from domain import order_books
from domain.book_rows import StopArmed
from domain.parking import CommandTaken
from domain.stops import MOVES_PER_STEP
from domain.waiting_rows import Waiting
from schemas.enums import OrderType, ReasonCode, Side, TimeInForce, TradingPhase
from schemas.order_books import (
    CancelAllOrders,
    CancelRefused,
    ChangePhase,
    ContinueMatching,
    ContinueReset,
    EnterOrder,
    OrderCancelled,
    OrderReplaced,
    OrderRested,
    ReplaceRefused,
    ResetBooks,
    ScheduleSession,
    SetLastPrice,
    TradeExecuted,
)
from schemas.shared import Tick

TO_ITSELF = (ContinueMatching, ContinueReset)
TOLD = (OrderRested, OrderCancelled, OrderReplaced, ReplaceRefused, CancelRefused, TradeExecuted)


class Inbox:
    """A shard of books and its inbox, into which it may write itself."""

    def __init__(self) -> None:
        self.machine = Machine("order_books")
        self.queue: deque[Any] = deque()
        self.told: list[Any] = []
        self.trades_of_a_record = self.stops_of_a_record = self.events_of_a_record = self.row_bytes_max = 0
        self.machine.run(listing())

    def take(self) -> None:
        """One record."""
        command = self.queue.popleft()
        mark = len(self.machine.undo)
        events = self.machine.run(command)
        rows = [table.rows.get(key) for table, key, _ in self.machine.undo[mark:]]
        self.row_bytes_max = max(self.row_bytes_max, *(len(msgspec.json.encode(row)) for row in rows), 0)
        self.events_of_a_record = max(self.events_of_a_record, len(events))
        self.queue += of_type(events, *TO_ITSELF)
        self.told += of_type(events, *TOLD)
        self.trades_of_a_record = max(self.trades_of_a_record, len(of_type(events, TradeExecuted)))
        self.stops_of_a_record = max(self.stops_of_a_record, len(of_type(events, StopArmed)))

    def take_all(self) -> None:
        while self.queue:
            self.take()


@pytest.fixture
def two_trades_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_books, "STEPS_PER_RECORD_MAX", 2)


def some_command(rng: Random, number: int) -> Any:
    known = f"o{rng.randrange(max(1, number))}"
    match rng.randrange(12):
        case 0:
            return take_out(known)
        case 1 | 2:
            return replace(known, rng.randint(1, 30), 100 + rng.randint(-3, 3))
        case 3:
            return enter(f"o{number}", BUY, rng.randint(1, 60), 104, kind=MARKET)
        case _:
            side, tif = rng.choice([BUY, SELL]), rng.choice([GTC, GTC, GTC, GTC, IOC, FOK])
            return enter(f"o{number}", side, rng.randint(1, 40), 100 + rng.randint(-3, 3), tif=tif)


@pytest.mark.parametrize("seed", seeds(40))
def test_a_day_ends_the_same_whatever_one_record_may_do(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = Random(seed)
    commands = [some_command(rng, number) for number in range(300)]
    whole, parts = Inbox(), Inbox()
    whole.queue += commands
    whole.take_all()
    monkeypatch.setattr(order_books, "STEPS_PER_RECORD_MAX", rng.choice([1, 2]))
    for command in commands:  # they come while the shard is at work
        parts.queue.append(command)
        for _ in range(rng.choice([0, 0, 1, 1, 5])):
            if parts.queue:
                parts.take()
    parts.take_all()
    assert parts.trades_of_a_record <= order_books.STEPS_PER_RECORD_MAX < whole.trades_of_a_record
    assert parts.told == whole.told
    assert parts.machine.snapshot() == whole.machine.snapshot()


@pytest.mark.usefixtures("two_trades_a_record")
def test_an_order_that_is_not_done_goes_on_in_a_record_of_its_own() -> None:
    inbox = Inbox()
    inbox.queue += [enter(f"sell{n}", SELL, 1, 100) for n in range(5)]
    inbox.queue.append(enter("buy", BUY, 7, 100))
    inbox.take_all()
    assert inbox.trades_of_a_record == 2
    assert len(of_type(inbox.told, TradeExecuted)) == 5
    assert [order.leaves for order in inbox.machine.state.book("ADAUSDT").orders.values()] == [2 * 10**9]
    assert inbox.machine.tables["waiting"].rows == {}


@pytest.mark.usefixtures("two_trades_a_record")
def test_who_comes_while_an_order_is_not_done_waits_behind_it() -> None:
    inbox = Inbox()
    inbox.queue += [enter(f"sell{n}", SELL, 1, 100) for n in range(5)]
    inbox.queue += [enter("first", BUY, 4, 100), enter("second", BUY, 4, 100), enter("third", SELL, 1, 99)]
    inbox.take_all()
    trades = of_type(inbox.told, TradeExecuted)
    assert [trade.buy_order_id for trade in trades] == ["first"] * 4 + ["second"] * 2
    assert [trade.sell_order_id for trade in trades][-1] == "third"


@pytest.mark.usefixtures("two_trades_a_record")
def test_what_was_not_done_is_known_after_a_restart() -> None:
    inbox = Inbox()
    inbox.queue += [enter(f"sell{n}", SELL, 1, 100) for n in range(5)]
    inbox.queue += [enter("buy", BUY, 4, 100), enter("late", BUY, 1, 100)]
    for _ in range(7):
        inbox.take()
    assert [type(command) for command in inbox.queue] == [ContinueMatching]
    inbox.machine = inbox.machine.rebuilt()
    assert inbox.machine.state.busy == {"ADAUSDT"}
    inbox.take_all()
    trades = of_type(inbox.told, TradeExecuted)
    assert [trade.buy_order_id for trade in trades] == ["buy"] * 4 + ["late"]


def test_records_are_as_many_as_commands_and_parts_however_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_books, "STEPS_PER_RECORD_MAX", 10)
    inbox = Inbox()
    makers, waiting = 1_000, 200
    inbox.queue += [enter(f"sell{n}", SELL, 1, 100) for n in range(makers)]
    inbox.queue.append(enter("buy", BUY, makers, 100))
    inbox.queue += [enter(f"late{n}", SELL if n % 2 else BUY, 1, 100) for n in range(waiting)]
    records = 0
    while inbox.queue:
        records += 1
        inbox.take()
    parts = (makers + waiting) // 10
    assert records <= makers + 1 + waiting + 2 * parts
    assert len(of_type(inbox.told, TradeExecuted)) == makers + waiting // 2
    assert inbox.machine.tables["parked"].rows == {}


@pytest.mark.usefixtures("two_trades_a_record")
def test_what_waited_goes_out_in_its_own_name() -> None:
    inbox = Inbox()
    inbox.queue += [enter(f"sell{n}", SELL, 1, 100) for n in range(5)]
    late = msgspec.structs.replace(enter("late", BUY, 1, 100), command_id="of late", timestamp=3)
    inbox.queue += [enter("buy", BUY, 4, 100), late]
    for _ in range(7):
        inbox.take()
    (row,) = inbox.machine.tables["parked"].rows.values()
    assert row.command == late
    inbox.machine = inbox.machine.rebuilt()
    events = [event for _ in range(2) for event in inbox.machine.run(ContinueMatching("ADAUSDT"))]
    taken = [event for event in events if isinstance(event, CommandTaken | TradeExecuted)]
    assert [getattr(event, "buy_order_id", "") for event in taken] == ["buy", "buy", "", "late"]
    assert taken[2].command.command_id == "of late"


@pytest.mark.usefixtures("two_trades_a_record")
def test_nobody_overtakes_a_mass_cancel_that_goes_on_in_other_records() -> None:
    inbox = Inbox()
    inbox.queue += [enter(f"sell{n}", SELL, 1, 100) for n in range(5)]
    inbox.queue += [CancelAllOrders("ADAUSDT", "", Side.UNKNOWN), enter("later", SELL, 1, 100)]
    inbox.take_all()
    assert [event.order_id for event in of_type(inbox.told, OrderCancelled)] == [f"sell{n}" for n in range(5)]
    assert list(inbox.machine.state.book("ADAUSDT").orders) == ["later"]


@pytest.mark.usefixtures("two_trades_a_record")
def test_a_reset_of_many_orders_goes_on_in_other_records() -> None:
    inbox = Inbox()
    inbox.queue += [enter(f"sell{n}", SELL, 1, 100) for n in range(5)]
    inbox.queue.append(ResetBooks(reset_id="r", source="0"))
    for _ in range(6):
        inbox.take()
    assert [type(command) for command in inbox.queue] == [ContinueReset]
    assert len(of_type(inbox.told, OrderCancelled)) == 2
    inbox.machine = inbox.machine.rebuilt()
    inbox.take_all()
    assert len(of_type(inbox.told, OrderCancelled)) == 5


@pytest.mark.usefixtures("two_trades_a_record")
@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (enter("buy", BUY, 7, 100, tif=IOC), ReasonCode.IOC_REMAINDER),
        (enter("buy", BUY, 7, 100, kind=MARKET), ReasonCode.MARKET_REMAINDER),
    ],
)
def test_what_does_not_rest_leaves_when_nothing_is_left_to_trade_with(order: EnterOrder, reason: ReasonCode) -> None:
    inbox = Inbox()
    inbox.queue += [*(enter(f"sell{n}", SELL, 1, 100) for n in range(4)), order]
    inbox.take_all()
    (cancelled,) = of_type(inbox.told, OrderCancelled)
    assert (cancelled.reason_code, cancelled.quantity) == (reason, 3 * 10**9)
    assert inbox.machine.state.busy == set()


@pytest.mark.usefixtures("two_trades_a_record")
def test_what_expires_while_an_order_is_not_done_ends_after_it() -> None:
    """Who must fill entirely was told that it can; and a deadline that nobody may keep yet is none."""
    inbox = Inbox()
    makers = [enter(f"sell{n}", SELL, 1, 100, tif=TimeInForce.GTD) for n in range(5)]
    inbox.queue += [msgspec.structs.replace(maker, expires_at=10 * SECOND) for maker in makers]
    inbox.queue.append(enter("buy", BUY, 4, 100, tif=FOK))
    for _ in range(6):
        inbox.take()
    inbox.queue.appendleft(Tick(is_manual=False, timestamp=20 * SECOND))
    inbox.take()
    assert order_books.deadline(inbox.machine.state) is None
    inbox.take_all()
    assert len(of_type(inbox.told, TradeExecuted)) == 4
    assert order_books.deadline(inbox.machine.state) == 10 * SECOND
    inbox.queue.append(Tick(is_manual=False, timestamp=20 * SECOND))
    inbox.take()
    (expired,) = of_type(inbox.told, OrderCancelled)
    assert (expired.order_id, expired.reason_code) == ("sell4", ReasonCode.EXPIRED)


@pytest.mark.usefixtures("two_trades_a_record")
def test_a_reset_waits_for_an_order_that_is_not_done() -> None:
    inbox = Inbox()
    inbox.queue += [*(enter(f"sell{n}", SELL, 1, 100) for n in range(6)), enter("buy", BUY, 9, 100)]
    inbox.queue.append(ResetBooks(reset_id="r", source="0"))
    inbox.take_all()
    assert len(of_type(inbox.told, TradeExecuted)) == 6
    (cancelled,) = of_type(inbox.told, OrderCancelled)
    assert (cancelled.order_id, cancelled.reason_code) == ("buy", ReasonCode.RESET)
    assert inbox.machine.state.waiting_in("ADAUSDT") == Waiting()


def many_stops(count: int) -> Inbox:
    """Some wait for a rise, some for a fall, some follow the price: which goes up in four trades, and then far down."""
    inbox = Inbox()
    inbox.queue.append(SetLastPrice("ADAUSDT", units(90)))
    stop = enter("stop", SELL, 1, None, kind=OrderType.TRAILING_STOP)
    for number in range(count):
        name, trail = f"{number:03d}", units(20 + number % 7)
        inbox.queue.append(msgspec.structs.replace(stop, order_id=f"follows{name}", trail=trail))
        more = {"order_type": OrderType.STOP, "stop_price": units(60 + number % 11)}
        inbox.queue.append(msgspec.structs.replace(stop, order_id=f"falls{name}", **more))
        more |= {"stop_price": units(101 + number % 3), "side": BUY}
        inbox.queue.append(msgspec.structs.replace(stop, order_id=f"rises{name}", **more))
    inbox.queue += [enter(f"sell{n}", SELL, 1, 100 + n) for n in range(4)]
    inbox.queue += [enter("buy", BUY, 4, 104), SetLastPrice("ADAUSDT", units(50))]
    inbox.take_all()
    return inbox


def test_stops_that_follow_a_price_or_are_due_are_work_of_the_record_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that moved them all would change more rows than one may, where they are tens of thousands."""
    whole = many_stops(30)
    monkeypatch.setattr(order_books, "STEPS_PER_RECORD_MAX", 2)
    parts = many_stops(30)
    assert len(of_type(whole.told, OrderCancelled)) == 90
    assert parts.told == whole.told
    assert parts.machine.snapshot() == whole.machine.snapshot()
    assert parts.stops_of_a_record <= 2 * MOVES_PER_STEP < whole.stops_of_a_record


@pytest.mark.usefixtures("two_trades_a_record")
def test_books_that_close_at_one_time_share_what_one_record_may_do() -> None:
    machine = Machine("order_books")
    symbols = ("ADAUSDT", "ADAUSDC", "ADAEUR")
    machine.run_all([listing(symbol=symbol, calendar="XNYS") for symbol in symbols])
    machine.run_all([ScheduleSession(symbol, "today", SECOND, 10 * SECOND, ()) for symbol in symbols])
    machine.run(Tick(is_manual=False, timestamp=SECOND))
    for symbol in symbols:
        order = enter(f"{symbol}-day", BUY, 1, 100, tif=TimeInForce.DAY, symbol=symbol)
        machine.run(order)
    events = machine.run(Tick(is_manual=False, timestamp=10 * SECOND))
    assert len(of_type(events, OrderCancelled)) == 2
    (rest,) = of_type(events, ContinueMatching)
    assert [event.order_id for event in of_type(machine.run(rest), OrderCancelled)] == ["ADAUSDT-day"]


def uncrossed(groups: int) -> Inbox:
    """An auction in which so many orders of OCO groups trade; each has a stop beside it; two are of one group."""
    inbox = Inbox()
    inbox.queue.append(ChangePhase("ADAUSDT", TradingPhase.AUCTION))
    stop = enter("stop", SELL, 1, None, kind=OrderType.STOP)
    for number in range(groups):
        name, group = f"{number:05d}", f"ann|{max(1, number):05d}"
        leg = enter(f"sell{name}", SELL, 1, 100)
        inbox.queue.append(msgspec.structs.replace(leg, oco_group=group))
        beside = {"order_id": f"stop{name}", "stop_price": units(50), "oco_group": group}
        inbox.queue.append(msgspec.structs.replace(stop, **beside))
    buy = enter("buy", BUY, groups, 100, account="bob")
    inbox.queue.append(msgspec.structs.replace(buy, oco_group="bob|all"))
    inbox.queue.append(ChangePhase("ADAUSDT", TradingPhase.CONTINUOUS))
    inbox.take_all()
    return inbox


def test_groups_that_fill_in_an_uncross_end_the_same_whatever_one_record_may_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = uncrossed(40)
    monkeypatch.setattr(order_books, "STEPS_PER_RECORD_MAX", 3)
    parts = uncrossed(40)
    assert len(of_type(whole.told, OrderCancelled)) == 40
    assert parts.told == whole.told
    assert parts.machine.snapshot() == whole.machine.snapshot()
    assert parts.machine.tables["group_hits"].rows == {}


def test_no_row_grows_with_the_groups_that_fill_in_an_uncross() -> None:
    """The row of a book that waits named them all: 80,000 of them were more than a message may be."""
    inbox = uncrossed(2_000)
    assert inbox.row_bytes_max < 1_000
    assert inbox.events_of_a_record <= 4 * order_books.STEPS_PER_RECORD_MAX
    assert len(of_type(inbox.told, OrderCancelled)) == 2_000
