from random import Random
from typing import Any

import pytest
from effort import EFFORT
from examples import BUY, SELL, fill, marks, units
from hypothesis import given, settings
from hypothesis import strategies as st
from machines import Machine, about, of_type

from domain.money import AMOUNT_MAX
from domain.positions import BookEmptied, Moved, Position, after_trade, value_at
from schemas.enums import Side
from schemas.positions import PositionEvent, ResetPositions
from schemas.shared import Tick
from schemas.wire import NANOS


def after(*fills: Any) -> Any:
    """The position event after the last fill."""
    return Machine("positions").run_all(fills)[-1]


def test_two_buys_have_one_average_and_a_sale_realises_the_difference_to_it() -> None:
    bought = after(fill("1", 100, 10, 0), fill("2", 100, 12, 0))
    assert about(bought, "quantity", "cost", "average_price") == (units(200), units(2200), units(11))
    sold = after(fill("1", 100, 10, 0), fill("2", 100, 12, 0), fill("3", 150, 13, 0, side=SELL))
    assert about(sold, "quantity", "cost", "average_price") == (units(50), units(550), units(11))
    assert about(sold, "realized_pnl", "market_value", "unrealized_pnl") == (units(300), units(650), units(100))


def test_fees_are_counted_apart_from_what_was_made() -> None:
    fee = units(1)
    charged = after(
        fill("1", 100, 10, 0, fee=fee), fill("2", 100, 12, 0, fee=fee), fill("3", 150, 13, 0, side=SELL, fee=fee)
    )
    assert about(charged, "realized_pnl", "fees", "average_price") == (units(300), units(3), units(11))


def test_at_a_mark_the_rest_is_worth_what_it_would_fetch() -> None:
    position = Position(units(50), units(550), units(300), units(3))
    assert value_at(position, units("12.5")) == units(625)
    assert value_at(position, units("12.5")) - position.cost == units(75)
    assert value_at(Position(-units(50), -units(550)), units("12.5")) == -units(625)


def test_a_short_position_earns_when_the_price_falls() -> None:
    short = after(fill("1", 10, 5, 0, side=SELL))
    assert about(short, "quantity", "cost", "average_price") == (-units(10), -units(50), units(5))
    covered = after(fill("1", 10, 5, 0, side=SELL), fill("2", 4, 3, 0))
    assert about(covered, "quantity", "cost", "average_price") == (-units(6), -units(30), units(5))
    assert about(covered, "realized_pnl", "unrealized_pnl") == (units(8), units(12))


@pytest.mark.parametrize(("first", "then"), [(BUY, SELL), (SELL, BUY)])
def test_through_zero_everything_is_closed_and_the_rest_opened_at_the_price_of_the_trade(
    first: Side, then: Side
) -> None:
    sign = 1 if first is BUY else -1
    flipped = after(fill("1", 10, 5, 0, side=first), fill("2", 25, 7, 0, side=then))
    assert about(flipped, "quantity", "cost", "average_price") == (-sign * units(15), -sign * units(105), units(7))
    assert flipped.realized_pnl == sign * units(20)


def test_a_flat_position_has_no_average_and_keeps_what_it_made() -> None:
    flat = after(fill("1", 10, 5, 0), fill("2", 10, 6, 0, side=SELL))
    assert about(flat, "quantity", "cost", "average_price", "realized_pnl") == (0, 0, None, units(10))
    assert about(flat, "market_value", "unrealized_pnl") == (0, 0)
    again = after(fill("1", 10, 5, 0), fill("2", 10, 6, 0, side=SELL), fill("3", 1, 8, 0))
    assert about(again, "average_price", "realized_pnl", "version") == (units(8), units(10), 3)


def test_the_cost_of_a_partial_close_is_rounded_half_even_and_the_last_close_takes_the_rest() -> None:
    position = after_trade(Position(), BUY, 2 * NANOS, 5, 0, NANOS)
    position = after_trade(position, SELL, NANOS, 5, 0, NANOS)
    assert about(position, "cost", "realized_pnl") == (3, 3)  # 2.5 leaves as 2
    position = after_trade(position, SELL, NANOS, 5, 0, NANOS)
    assert about(position, "quantity", "cost", "realized_pnl") == (0, 0, 5)
    short = after_trade(after_trade(Position(), SELL, 2 * NANOS, 7, 0, NANOS), BUY, NANOS, 0, 0, NANOS)
    assert about(short, "cost", "realized_pnl") == (-3, 4)  # 3.5 leaves as 4


def test_a_contract_of_a_hundred_has_the_average_of_one_unit() -> None:
    bought = after(fill("1", 3, 2, 0, multiplier=units(100)))
    assert about(bought, "cost", "average_price", "market_value") == (units(600), units(2), units(600))


def test_what_a_position_is_worth_is_not_told_where_no_schema_holds_it() -> None:
    huge = fill("1", AMOUNT_MAX // NANOS, 1, 0)
    told = after(huge, fill("2", 1, AMOUNT_MAX // NANOS, 0))
    assert about(told, "market_value", "unrealized_pnl") == (None, None)
    assert told.cost == 2 * AMOUNT_MAX
    assert len(told.encoded()) > 0


def test_a_position_event_is_caused_by_its_trade() -> None:
    assert about(after(fill("1", 1, 1, 0, trade="700")), "caused_by", "trade_id") == ("700", "700")


def test_marks_of_symbols_that_traded_are_remembered_and_told_to_nobody() -> None:
    machine = Machine("positions")
    machine.run_all([marks(1, 3, 2), marks(None, None, None, symbol="ETHUSDT"), marks(1, 3, None)])
    assert machine.snapshot()["marks"] == {"ADAUSDT": units(2)}


def test_a_tick_changes_nothing() -> None:
    machine = Machine("positions")
    assert machine.run(Tick(is_manual=False)) == []
    assert machine.noun.deadline(machine.state) is None


def test_a_reset_closes_what_trades_in_the_books_that_are_empty_and_nothing_else() -> None:
    machine = Machine("positions", partitions={"order_books": 2, "positions": 1})
    machine.run_all([fill("1", 1, 1, 0, trade="100"), fill("2", 1, 1, 0, trade="201", symbol="ETHUSDT")])
    first = machine.run(ResetPositions("r", "0"))
    assert [type(event) for event in first] == [BookEmptied, Moved, PositionEvent, Moved, PositionEvent]
    closed = of_type(first, PositionEvent)
    assert [event.account_id for event in closed] == ["ann", "zed"]
    assert about(closed[0], "symbol", "quantity", "version", "trade_id") == ("ADAUSDT", 0, 2, None)
    traded = machine.run(fill("3", 5, 2, 0, trade="300"))
    second = of_type(machine.run(ResetPositions("r", "1")), PositionEvent)
    assert [about(event, "account_id", "symbol", "quantity") for event in second] == [
        ("ann", "ETHUSDT", 0),
        ("zed", "ETHUSDT", 0),
    ]
    assert machine.state.positions.get("ann|ADAUSDT").quantity == traded[-1].quantity == units(5)


def test_versions_go_on_after_a_reset() -> None:
    machine = Machine("positions")
    machine.run_all([fill("1", 1, 1, 0), ResetPositions("r", "0")])
    assert of_type(machine.run(fill("2", 3, 1, 0)), PositionEvent)[0].version == 3


def test_the_same_reset_twice_is_one_reset() -> None:
    machine = Machine("positions")
    machine.run_all([ResetPositions("r", "0"), fill("1", 1, 1, 0)])
    assert machine.run(ResetPositions("r", "0")) == []


trades = st.lists(
    st.tuples(st.sampled_from((BUY, SELL)), st.integers(1, 40), st.integers(1, 300), st.integers(0, 5)), max_size=30
)


@given(trades, st.sampled_from((NANOS, 2 * NANOS, 100 * NANOS)))
@settings(max_examples=200 * EFFORT)
def test_no_cent_is_lost_between_cost_and_what_was_realised(found: list[Any], multiplier: int) -> None:
    position, paid = Position(), 0
    for side, quantity, price, fee in found:
        before = position
        value = quantity * price * multiplier // NANOS
        position = after_trade(position, side, quantity * NANOS, value, fee, multiplier)
        paid += value if side is BUY else -value
        assert position.cost - position.realized_pnl == paid
        assert position.cost * position.quantity >= 0, "what is held long was paid for, what is short was received"
        if position.quantity == 0:
            assert position.cost == 0
        grows = before.quantity * (1 if side is BUY else -1) >= 0
        assert not grows or position.realized_pnl == before.realized_pnl, "only what shrinks realises"
    assert position.fees == sum(fee for *_, fee in found)


def test_memory_may_be_lost_between_any_two_trades() -> None:
    rng = Random(1)
    machine = Machine("positions")
    for number in range(60):
        side = rng.choice((BUY, SELL))
        found = fill(str(number), rng.randint(1, 9), rng.randint(1, 9), 0, side=side, trade=f"{number}00")
        again = machine.rebuilt()
        assert machine.run(found) == again.run(found)
        assert machine.snapshot() == again.snapshot()
