from random import Random
from typing import Any

import msgspec
import pytest
from days import check_ledger
from effort import EFFORT
from examples import (
    BUY,
    FOK,
    IOC,
    MARKET,
    SELL,
    accounts_with,
    amend,
    balance,
    cancel,
    cancelled,
    deposit,
    fill,
    listed,
    marks,
    place,
    place_market,
    replace_refused,
    replaced,
    rested,
    units,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from machines import Machine, about, of_type

from domain import account_evolution, new_terms, order_terms
from domain.account_rows import CLEARING, FEES, FINAL, Answered, Order, Outcome, Terms
from domain.money import AMOUNT_MAX, fee_of
from domain.orders import hold_of
from domain.reasons import reason_text
from schemas.accounts import BalanceEvent, ChangeAccountState, OrderEvent, WithdrawFunds
from schemas.enums import (
    AccountState,
    BalanceReason,
    Liquidity,
    OrderStatus,
    OrderType,
    ReasonCode,
    SelfTradePrevention,
    Side,
    TimeInForce,
    Venue,
)
from schemas.order_books import CancelRefused, CancelRestingOrder, EnterLimitOrder, EnterOrder, ReplaceOrder
from schemas.wire import NANOS

PERCENT = NANOS // 100


def statuses(events: list[Any]) -> list[OrderStatus]:
    return [event.status for event in of_type(events, OrderEvent)]


def refusal(machine: Machine, command: Any) -> ReasonCode:
    """Why a new order is refused: with one event, one row, and no money moved."""
    before = machine.snapshot()["balances"]
    events = machine.run(command)
    (event,) = of_type(events, OrderEvent)
    assert about(event, "status", "version", "leaves_quantity", "held") == (OrderStatus.REJECTED, 1, 0, 0)
    assert not of_type(events, EnterLimitOrder, EnterOrder, BalanceEvent)
    assert machine.snapshot()["balances"] == before
    assert event.rejection_reason == reason_text(event.reason_code)
    return event.reason_code


def order(machine: Machine, order_id: str = "1") -> Order:
    found = machine.state.orders.get(order_id)
    assert found is not None
    return found


def outcome(machine: Machine, command: str) -> Outcome:
    found = machine.state.outcomes.get(command)
    assert found is not None
    return found


# Accepted.


def test_an_order_is_received_validated_held_for_and_sent_to_its_book() -> None:
    machine = accounts_with(deposit(1000), marks("1.9", "2.1"), maker_fee_rate=1, taker_fee_rate=2)
    events = machine.run(place("1", BUY, 10, 2), at=7)
    assert statuses(events) == [OrderStatus.PENDING, OrderStatus.VALIDATED, OrderStatus.RISK_APPROVED]
    last = of_type(events, OrderEvent)[-1]
    assert about(last, "order_number", "version", "quantity", "leaves_quantity", "filled_quantity", "held_asset") == (
        100,
        3,
        units(10),
        units(10),
        0,
        "USDT",
    )
    assert about(last, "best_bid", "best_ask", "venue", "created_at") == (
        units("1.9"),
        units("2.1"),
        Venue.INTERNAL,
        7,
    )
    (hold,) = of_type(events, BalanceEvent)
    assert about(hold, "reason", "order_id", "change", "reserved") == (BalanceReason.HOLD, "1", 0, last.held)
    assert of_type(events, EnterLimitOrder, EnterOrder) == [
        EnterLimitOrder("1", "ann", "ADAUSDT", 100, BUY, units(2), units(10), 1, 2)
    ]


def test_a_buyer_holds_value_and_worst_fee_and_a_seller_what_he_sells() -> None:
    machine = accounts_with(deposit(1000), deposit(7, "ADA"), maker_fee_rate=PERCENT, taker_fee_rate=2 * PERCENT)
    machine.run_all([place("1", BUY, 10, 2), place("2", SELL, 3, 9)])
    assert balance(machine) == (1000, 20.4)
    assert balance(machine, asset="ADA") == (7, 3)


def test_every_unit_of_the_funds_can_be_used_and_not_one_more() -> None:
    machine = accounts_with(deposit("20.40"), taker_fee_rate=2 * PERCENT)
    assert refusal(machine, place("0", BUY, "10.001", 2)) is ReasonCode.BUYING_POWER
    assert OrderStatus.RISK_APPROVED in statuses(machine.run(place("1", BUY, 10, 2)))
    assert balance(machine) == (20.4, 20.4)


def test_the_book_says_that_an_order_rests() -> None:
    machine = accounts_with(deposit(100), place("1"))
    (event,) = of_type(machine.run(rested("1")), OrderEvent)
    assert about(event, "status", "version", "leaves_quantity") == (OrderStatus.OPEN, 4, units(10))


# Refused: one example for each reason.


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (place("1", account="nobody"), ReasonCode.UNKNOWN_ACCOUNT),
        (place("1", account="@clearing"), ReasonCode.UNKNOWN_ACCOUNT),
        (place("1", symbol="NONE"), ReasonCode.UNKNOWN_SYMBOL),
        (place("1", symbol=""), ReasonCode.UNKNOWN_SYMBOL),
        (place("1", quantity=0), ReasonCode.BAD_QUANTITY),
        (msgspec.structs.replace(place("1"), quantity=-NANOS), ReasonCode.BAD_QUANTITY),
        (msgspec.structs.replace(place("1"), quantity=AMOUNT_MAX + NANOS), ReasonCode.BAD_QUANTITY),
        (place("1", quantity="0.0001"), ReasonCode.OFF_LOT),
        (place("1", quantity=10, display_quantity=units("0.009")), ReasonCode.BAD_QUANTITY),
        (place("1", price=0), ReasonCode.BAD_PRICE),
        (msgspec.structs.replace(place("1"), limit_price=-NANOS), ReasonCode.BAD_PRICE),
        (msgspec.structs.replace(place("1"), limit_price=AMOUNT_MAX + NANOS), ReasonCode.BAD_PRICE),
        (place("1", price=None), ReasonCode.BAD_PRICE),
        (place("1", price="2.001"), ReasonCode.OFF_TICK),
        (place("1", price=2, kind=MARKET), ReasonCode.BAD_PRICE),
        (place("1", stop_price=units(1)), ReasonCode.BAD_PRICE),
        (place_market("1", stop_price=units(1)), ReasonCode.BAD_PRICE),
        (msgspec.structs.replace(place("1"), limit_price=AMOUNT_MAX), ReasonCode.AMOUNT_OUT_OF_RANGE),
        (place("1", BUY, 501, 2), ReasonCode.BUYING_POWER),
        (place("1", SELL, 8, 2), ReasonCode.BUYING_POWER),
        (place("1", kind=OrderType.STOP), ReasonCode.BAD_PRICE),
        (place("1", kind=OrderType.UNKNOWN), ReasonCode.UNSUPPORTED_ORDER_TYPE),
        (place("1", Side.UNKNOWN), ReasonCode.UNSUPPORTED_ORDER_TYPE),
        (place("1", tif=TimeInForce.OPG), ReasonCode.NO_AUCTION),
        (place("1", tif=TimeInForce.UNKNOWN), ReasonCode.UNSUPPORTED_TIME_IN_FORCE),
        (place("1", client_order_id=""), ReasonCode.TOO_LARGE),
        (place("1", client_order_id="x" * 65), ReasonCode.TOO_LARGE),
        (place_market("1"), ReasonCode.NO_REFERENCE_PRICE),
    ],
)
def test_an_order_that_cannot_be_taken_is_refused_with_a_reason(command: Any, reason: ReasonCode) -> None:
    assert refusal(accounts_with(deposit(1000), deposit(7, "ADA")), command) is reason


def test_an_account_that_was_closed_takes_no_orders() -> None:
    machine = accounts_with(deposit(1000), ChangeAccountState("ann", AccountState.INACTIVE, command_id="closed"))
    assert refusal(machine, place("1")) is ReasonCode.ACCOUNT_INACTIVE


def test_a_refused_order_is_kept_like_any_other_that_ended() -> None:
    machine = accounts_with(place("1", client_order_id="mine"))
    assert order(machine).status is OrderStatus.REJECTED
    assert order(machine).is_refused_by_account
    assert machine.snapshot()["finished"] == {"000000000001": "1"}
    assert machine.snapshot()["client_orders"] == {"ann|mine": "1"}


# Twice.


def test_the_same_command_again_changes_nothing() -> None:
    machine = accounts_with(deposit(1000), place("1"))
    before = machine.snapshot()
    assert machine.run(place("1")) == []
    assert machine.snapshot() == before


@pytest.mark.parametrize("again", [place("1", command="again"), place("2", command="again", client_order_id="mine")])
def test_the_same_order_under_the_same_name_is_answered_with_the_first(again: Any) -> None:
    machine = accounts_with(deposit(1000), place("1", client_order_id="mine"))
    assert [type(event) for event in machine.run(again)] == [Answered]
    assert outcome(machine, "again") == Outcome(2, reason_code=None, order_id="1")
    assert balance(machine) == (1000, 20)


@pytest.mark.parametrize(
    ("again", "reason"),
    [
        (place("1", quantity=11, command="again"), ReasonCode.DUPLICATE_ORDER_ID),
        (place("1", quantity=11, command="again", client_order_id="other"), ReasonCode.DUPLICATE_ORDER_ID),
        (place("1", account="bob", command="again"), ReasonCode.DUPLICATE_ORDER_ID),
        (place("2", price=3, command="again", client_order_id="mine"), ReasonCode.DUPLICATE_CLIENT_ORDER_ID),
        (place("2", SELL, command="again", client_order_id="mine"), ReasonCode.DUPLICATE_CLIENT_ORDER_ID),
        (place("2", tif=IOC, command="again", client_order_id="mine"), ReasonCode.DUPLICATE_CLIENT_ORDER_ID),
    ],
)
def test_another_order_under_a_used_name_is_refused(again: Any, reason: ReasonCode) -> None:
    machine = accounts_with(deposit(1000), place("1", client_order_id="mine"))
    assert [type(event) for event in machine.run(again)] == [Answered]
    assert outcome(machine, "again") == Outcome(2, reason_code=reason, order_id="1")


def test_client_order_ids_are_each_accounts_own() -> None:
    machine = accounts_with(deposit(1000), deposit(1000, account="bob"), place("1", client_order_id="mine"))
    again = place("2", account="bob", client_order_id="mine")
    assert OrderStatus.RISK_APPROVED in statuses(machine.run(again))


def test_a_client_order_id_stays_used_when_its_order_has_ended() -> None:
    machine = accounts_with(deposit(1000), place("1", client_order_id="mine"), fill("1", 10, 2, 0))
    machine.run(place("2", quantity=1, client_order_id="mine", command="again"))
    assert outcome(machine, "again").reason_code is ReasonCode.DUPLICATE_CLIENT_ORDER_ID


# Market orders.


def test_a_market_buy_holds_five_percent_above_the_best_ask_and_goes_no_further() -> None:
    machine = accounts_with(deposit(1000), marks(1, 2), taker_fee_rate=PERCENT)
    events = machine.run(place_market("1"))
    assert of_type(events, EnterLimitOrder, EnterOrder)[0].limit_price == units("2.10")
    assert balance(machine) == (1000, 21.21)
    assert of_type(events, OrderEvent)[-1].price is None


def test_the_collar_is_a_price_that_the_instrument_takes() -> None:
    machine = accounts_with(deposit(1000), marks(1, "1.01"))
    assert of_type(machine.run(place_market("1")), EnterLimitOrder, EnterOrder)[0].limit_price == units("1.06")
    top = accounts_with(deposit(1000), tick=3 * NANOS)
    ask = AMOUNT_MAX - AMOUNT_MAX % (3 * NANOS)
    top.run(msgspec.structs.replace(marks(1, 1), marks=(msgspec.structs.replace(marks(1, 1).marks[0], ask=ask),)))
    assert refusal(top, place_market("1", quantity=1)) is ReasonCode.BUYING_POWER


def test_a_market_buy_that_could_cost_more_than_any_amount_is_refused() -> None:
    machine = accounts_with(marks(1, 10**9), deposit(1))
    assert refusal(machine, place_market("1", quantity=10**10)) is ReasonCode.AMOUNT_OUT_OF_RANGE


@pytest.mark.parametrize("mark", [marks(2, None, 2), marks(None, None, None)])
def test_a_market_buy_where_nobody_offers_has_no_reference_price(mark: Any) -> None:
    assert refusal(accounts_with(deposit(1000), mark), place_market("1")) is ReasonCode.NO_REFERENCE_PRICE


def test_a_market_sale_needs_no_price_and_takes_any() -> None:
    machine = accounts_with(deposit(10, "ADA"))
    assert of_type(machine.run(place_market("1", SELL)), EnterLimitOrder, EnterOrder)[0].limit_price is None
    assert balance(machine, asset="ADA") == (10, 10)


# Fills.


def test_a_fill_spends_the_price_and_releases_what_was_held_too_dear() -> None:
    machine = accounts_with(deposit(1000), place("1", BUY, 10, 2), rested("1"))
    events = machine.run(fill("1", 4, "1.5", 6, trade="700"))
    (event,) = of_type(events, OrderEvent)
    assert about(event, "status", "filled_quantity", "leaves_quantity", "filled_value", "held") == (
        OrderStatus.PARTIALLY_FILLED,
        units(4),
        units(6),
        units(6),
        units(12),
    )
    assert about(event, "last_quantity", "last_price", "trade_id", "liquidity") == (
        units(4),
        units("1.5"),
        "700",
        Liquidity.TAKER,
    )
    assert balance(machine) == (994, 12)
    assert balance(machine, asset="ADA") == (4, 0)
    assert machine.state.balance(CLEARING, "USDT").total == units(6)
    assert {event.caused_by for event in of_type(events, BalanceEvent)} == {"700"}
    check_ledger(machine.state)


def test_the_walkthrough_of_the_exchange_leaves_800_and_100() -> None:
    machine = accounts_with(deposit(1000), place("1", BUY, 100, 2))
    assert statuses(machine.run(fill("1", 100, 2, 0))) == [OrderStatus.FILLED]
    assert balance(machine) == (800, 0)
    assert balance(machine, asset="ADA") == (100, 0)


def test_a_seller_gets_the_value_less_his_fee_and_the_fee_is_somebodys() -> None:
    machine = accounts_with(deposit(10, "ADA"), place("1", SELL, 10, 2), taker_fee_rate=PERCENT)
    machine.run(fill("1", 10, 3, 0, side=SELL, fee=units("0.3"), accrued=30 * PERCENT * NANOS))
    assert balance(machine, asset="ADA") == (0, 0)
    assert balance(machine) == (29.7, 0)
    assert machine.state.balance(FEES, "USDT").total == units("0.3")
    check_ledger(machine.state)


def test_the_better_fee_is_released_with_the_last_fill() -> None:
    machine = accounts_with(deposit(100), place("1", BUY, 10, 2), maker_fee_rate=PERCENT, taker_fee_rate=2 * PERCENT)
    assert balance(machine) == (100, 20.4)
    machine.run(fill("1", 5, 2, 5, fee=units("0.1"), accrued=10 * PERCENT * NANOS))
    assert balance(machine) == (89.9, 10.2)
    machine.run(fill("1", 5, 2, 0, fee=units("0.1"), accrued=20 * PERCENT * NANOS))
    assert balance(machine) == (79.8, 0)


def test_fills_that_book_and_account_count_differently_are_our_mistake() -> None:
    machine = accounts_with(deposit(100), place("1"))
    with pytest.raises(AssertionError, match="count the same fills"):
        machine.run(fill("1", 5, 2, 4))


@pytest.mark.parametrize("command", [rested("no"), fill("no", 1, 1, 0), cancelled("no", 1, ReasonCode.REQUESTED)])
def test_a_book_that_speaks_of_an_order_that_is_not_ours_is_our_mistake(command: Any) -> None:
    with pytest.raises(AssertionError, match="ours"):
        accounts_with().run(command)


def test_a_final_state_is_never_left() -> None:
    machine = accounts_with(deposit(100), place("1"), fill("1", 10, 2, 0))
    for late in (rested("1"), fill("1", 1, 2, 0), cancelled("1", 1, ReasonCode.REQUESTED), replaced("1", 9, 2, 9)):
        with pytest.raises(AssertionError, match="is FILLED"):
            machine.run(late)


# Cancels.


def test_a_cancel_asks_the_book_and_releases_what_the_book_took_out() -> None:
    machine = accounts_with(deposit(100), place("1"), fill("1", 4, 2, 6))
    events = machine.run(cancel("1"))
    assert of_type(events, CancelRestingOrder) == [CancelRestingOrder("1", "ann", "ADAUSDT")]
    assert outcome(machine, "cancel") == Outcome(2, is_pending=True, order_id="1")
    assert balance(machine) == (92, 12)
    (event,) = of_type(machine.run(cancelled("1", 6, ReasonCode.REQUESTED)), OrderEvent)
    assert about(event, "status", "leaves_quantity", "filled_quantity", "reason_code", "held") == (
        OrderStatus.CANCELLED,
        0,
        units(4),
        ReasonCode.REQUESTED,
        0,
    )
    assert balance(machine) == (92, 0)
    assert outcome(machine, "cancel") == Outcome(2, is_pending=False, order_id="1", quantity=units(6))


def test_a_fill_that_comes_before_the_cancel_wins_and_the_cancel_is_too_late() -> None:
    machine = accounts_with(deposit(100), place("1"), cancel("1"), fill("1", 10, 2, 0))
    machine.run(CancelRefused("1", "ann", "ADAUSDT", ReasonCode.TOO_LATE, command_id="cancel"))
    assert order(machine).status is OrderStatus.FILLED
    assert outcome(machine, "cancel") == Outcome(2, reason_code=ReasonCode.TOO_LATE, order_id="1")


def test_a_cancel_that_comes_twice_is_asked_once() -> None:
    machine = accounts_with(deposit(100), place("1"), cancel("1"))
    assert machine.run(cancel("1")) == []
    machine.run(cancelled("1", 10, ReasonCode.REQUESTED))
    assert machine.run(cancel("1")) == []


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (cancel("none"), ReasonCode.UNKNOWN_ORDER),
        (cancel("1", "bob"), ReasonCode.UNKNOWN_ORDER),
        (cancel("2"), ReasonCode.TOO_LATE),
        (amend("none", 3, command="cancel"), ReasonCode.UNKNOWN_ORDER),
        (amend("1", 3, account="bob", command="cancel"), ReasonCode.UNKNOWN_ORDER),
        (amend("2", 3, command="cancel"), ReasonCode.TOO_LATE),
    ],
)
def test_what_is_not_there_or_has_ended_is_not_asked_for(command: Any, reason: ReasonCode) -> None:
    machine = accounts_with(deposit(100), deposit(1, account="bob"), place("1"), place("2"), fill("2", 10, 2, 0))
    assert [type(event) for event in machine.run(command)] == [Answered]
    assert outcome(machine, "cancel").reason_code is reason


@pytest.mark.parametrize("reason", [ReasonCode.IOC_REMAINDER, ReasonCode.FOK_UNFILLABLE, ReasonCode.MARKET_REMAINDER])
def test_what_the_book_does_not_keep_is_cancelled_with_a_reason_and_answers_nobody(reason: ReasonCode) -> None:
    machine = accounts_with(deposit(100), place("1", tif=FOK))
    events = machine.run(cancelled("1", 10, reason, command="place 1"))
    (event,) = of_type(events, OrderEvent)
    assert about(event, "status", "reason_code") == (OrderStatus.CANCELLED, reason)
    assert not of_type(events, Answered)
    assert balance(machine) == (100, 0)


@pytest.mark.parametrize("reason", [ReasonCode.DUPLICATE_ORDER_ID, ReasonCode.UNKNOWN_SYMBOL])
def test_what_the_book_refuses_is_rejected_and_its_hold_released(reason: ReasonCode) -> None:
    machine = accounts_with(deposit(100), place("1"))
    assert statuses(machine.run(cancelled("1", 10, reason, command="place 1"))) == [OrderStatus.REJECTED]
    assert not order(machine).is_refused_by_account
    assert balance(machine) == (100, 0)


def test_a_cancel_that_shares_its_command_id_with_the_order_is_answered_all_the_same() -> None:
    machine = accounts_with(deposit(100), place("1", command="both"), cancel("1", command="both"))
    machine.run(cancelled("1", 10, ReasonCode.REQUESTED, command="both"))
    assert outcome(machine, "both").is_pending is False


# Amends.


def test_an_amend_holds_more_before_it_goes_out_and_releases_what_is_too_much_when_it_stands() -> None:
    machine = accounts_with(deposit(100), place("1", BUY, 10, 2), rested("1"))
    events = machine.run(amend("1", 12, 3))
    assert of_type(events, ReplaceOrder) == [
        ReplaceOrder(order_id="1", account_id="ann", symbol="ADAUSDT", quantity=units(12), limit_price=units(3))
    ]
    assert balance(machine) == (100, 36)
    assert not of_type(events, OrderEvent)
    (event,) = of_type(machine.run(replaced("1", 12, 3, 12)), OrderEvent)
    assert about(event, "status", "quantity", "price", "leaves_quantity", "held") == (
        OrderStatus.OPEN,
        units(12),
        units(3),
        units(12),
        units(36),
    )
    machine.run(amend("1", 5, 2, command="smaller"))
    assert balance(machine) == (100, 36)
    machine.run(replaced("1", 5, 2, 5, command="smaller"))
    assert balance(machine) == (100, 10)
    assert outcome(machine, "smaller") == Outcome(3, order_id="1", body=f"{units(5)}|{units(2)}|None|None")


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (amend("1", 51), ReasonCode.BUYING_POWER),
        (amend("1", price=11), ReasonCode.BUYING_POWER),
        (amend("1", 0), ReasonCode.BAD_QUANTITY),
        (amend("1", "0.0001"), ReasonCode.OFF_LOT),
        (amend("1", price=0), ReasonCode.BAD_PRICE),
        (amend("1", price="2.001"), ReasonCode.OFF_TICK),
        (amend("1", 10**15, 10**15), ReasonCode.AMOUNT_OUT_OF_RANGE),
    ],
)
def test_a_refused_amend_changes_nothing(command: Any, reason: ReasonCode) -> None:
    machine = accounts_with(deposit(100), place("1"), rested("1"))
    before = machine.snapshot()
    assert [type(event) for event in machine.run(command)] == [Answered]
    assert outcome(machine, "amend").reason_code is reason
    after = machine.snapshot()
    assert after["orders"] == before["orders"]
    assert after["balances"] == before["balances"]


def test_a_market_order_cannot_be_amended() -> None:
    machine = accounts_with(deposit(100), marks(1, 2), place_market("1"), amend("1", 5))
    assert outcome(machine, "amend").reason_code is ReasonCode.UNSUPPORTED_ORDER_TYPE


def test_an_amend_that_comes_twice_is_asked_once() -> None:
    machine = accounts_with(deposit(100), place("1"), amend("1", 5))
    assert machine.run(amend("1", 5)) == []
    assert len(order(machine).amends) == 1


def test_a_total_below_what_is_filled_ends_the_order_filled() -> None:
    machine = accounts_with(deposit(100), place("1"), fill("1", 6, 2, 4), amend("1", 3))
    (event,) = of_type(machine.run(replaced("1", 6, 2, 0)), OrderEvent)
    assert about(event, "status", "quantity", "filled_quantity", "leaves_quantity", "held") == (
        OrderStatus.FILLED,
        units(6),
        units(6),
        0,
        0,
    )
    assert balance(machine) == (88, 0)


def test_a_fill_may_come_while_an_amend_is_on_its_way_even_if_every_unit_is_held() -> None:
    machine = accounts_with(deposit(20), place("1", BUY, 10, 2), rested("1"), amend("1", price=1))
    machine.run(fill("1", 5, 2, 5))
    assert balance(machine) == (10, 10)
    machine.run(replaced("1", 10, 1, 5))
    assert balance(machine) == (10, 5)


def test_a_larger_total_at_a_lower_price_is_covered_whatever_is_filled_before_it_stands() -> None:
    machine = accounts_with(deposit(1180), place("1", BUY, 10, 100), rested("1"), amend("1", 12, 90))
    assert balance(machine) == (1180, 1180)
    machine.run_all([fill("1", 9, 100, 1), replaced("1", 12, 90, 3), fill("1", 3, 90, 0)])
    assert balance(machine) == (10, 0)
    short = accounts_with(deposit("1179.99"), place("1", BUY, 10, 100), amend("1", 12, 90))
    assert outcome(short, "amend").reason_code is ReasonCode.BUYING_POWER


def test_what_an_amend_leaves_out_stays_as_the_amend_before_it_asked() -> None:
    machine = accounts_with(deposit(1000), place("1", BUY, 10, 2), rested("1"), amend("1", price=3, command="a"))
    (replace,) = of_type(machine.run(amend("1", 5, command="b")), ReplaceOrder)
    assert about(replace, "quantity", "limit_price") == (units(5), units(3))
    machine.run(replaced("1", 10, 3, 10, command="a"))
    assert order(machine).amends == (Terms(units(5), units(3)),)
    machine.run(replaced("1", 5, 3, 5, command="b"))
    assert balance(machine) == (1000, 15)


def test_a_cancel_releases_what_amends_on_their_way_hold() -> None:
    machine = accounts_with(deposit(100), place("1"), amend("1", 20), cancel("1"))
    machine.run(cancelled("1", 10, ReasonCode.REQUESTED))
    assert balance(machine) == (100, 0)
    machine.run(replace_refused("1", ReasonCode.TOO_LATE))
    assert outcome(machine, "amend").reason_code is ReasonCode.TOO_LATE
    assert order(machine).status is OrderStatus.CANCELLED


def test_a_book_that_does_not_take_an_amend_leaves_the_old_terms_and_their_hold() -> None:
    machine = accounts_with(deposit(100), place("1", BUY, 10, 2), rested("1"), amend("1", 20))
    assert balance(machine) == (100, 40)
    machine.run(replace_refused("1", ReasonCode.TOO_LATE))
    assert balance(machine) == (100, 20)
    assert order(machine).amends == ()


def test_an_answer_for_an_order_that_is_forgotten_is_an_answer_all_the_same() -> None:
    machine = accounts_with(replace_refused("gone", ReasonCode.TOO_LATE))
    assert outcome(machine, "amend").reason_code is ReasonCode.TOO_LATE


def test_only_so_many_amends_of_one_order_may_be_on_their_way() -> None:
    machine = accounts_with(deposit(100), place("1"))
    for number in range(new_terms.AMENDS_PENDING_MAX + 1):
        machine.run(amend("1", 9, command=str(number)))
    assert outcome(machine, str(new_terms.AMENDS_PENDING_MAX)).reason_code is ReasonCode.TOO_LARGE
    assert len(order(machine).amends) == new_terms.AMENDS_PENDING_MAX


def test_a_seller_holds_the_largest_total_that_is_asked_for() -> None:
    machine = accounts_with(deposit(30, "ADA"), place("1", SELL, 10, 2), amend("1", 25), amend("1", 5, command="b"))
    assert balance(machine, asset="ADA") == (30, 25)
    machine.run_all([fill("1", 2, 2, 8, side=SELL), replaced("1", 25, 2, 23)])
    assert balance(machine, asset="ADA") == (28, 23)
    machine.run(replaced("1", 5, 2, 3, command="b"))
    assert balance(machine, asset="ADA") == (28, 3)


def worst_by_trying(filled: int, chain: tuple[Terms, ...]) -> int:
    """The most that can be spent: under each of the terms in turn, any number of units may be filled."""
    if not chain:
        return 0
    quantity, price, left = chain[0].quantity // NANOS, chain[0].price // NANOS, chain[1:]
    return max(more * price + worst_by_trying(filled + more, left) for more in range(max(0, quantity - filled) + 1))


small_terms = st.builds(Terms, st.integers(1, 6).map(units), st.integers(1, 5).map(units))


@given(st.lists(small_terms, min_size=1, max_size=4), st.integers(0, 5))
@settings(max_examples=300 * EFFORT)
def test_what_is_held_is_the_most_that_fills_can_cost(chain: list[Terms], filled: int) -> None:
    assume(filled < chain[0].quantity // NANOS)
    machine = accounts_with(deposit(10_000), place("1", BUY, chain[0].quantity // NANOS, chain[0].price // NANOS))
    working = msgspec.structs.replace(order(machine), filled=units(filled), amends=tuple(chain[1:]))
    assert hold_of(working) == units(worst_by_trying(filled, tuple(chain)))


class Cornered:
    """An account that has not one unit more than is held: whatever it accepted, it can pay for."""

    def __init__(self, side: Side, first: Terms, rate: int) -> None:
        self.side, self.rate, self.asset = side, rate, "USDT" if side is BUY else "ADA"
        self.machine = accounts_with(taker_fee_rate=rate, lot=NANOS)
        self.accrued = self.count = 0
        self.ask(place("1", side, first.quantity // NANOS, first.price // NANOS))
        self.machine.run(rested("1"))

    def ask(self, command: Any) -> None:
        self.count += 1
        self.machine.run_all([deposit(1_000, self.asset, command=f"d{self.count}"), command])
        rest = self.machine.state.balance("ann", self.asset).available
        self.machine.run(WithdrawFunds("ann", self.asset, rest, command_id=f"w{self.count}"))
        assert self.machine.state.balance("ann", self.asset).available == 0

    def stand(self) -> None:
        working = order(self.machine)
        if working.amends:
            terms = working.amends[0]
            total = max(terms.quantity, working.filled)
            left = (total - working.filled) // NANOS
            self.machine.run(replaced("1", total // NANOS, terms.price // NANOS, left, command=f"r{self.count}"))

    def fill(self, quantity: int, better: int) -> None:
        working, side = order(self.machine), self.side
        units_filled = min(quantity, working.leaves // NANOS)
        limit = working.cap_price // NANOS
        price = max(1, limit - better) if side is BUY else limit + better
        accrued = self.accrued + units_filled * price * NANOS * self.rate
        fee, self.accrued = fee_of(accrued) - fee_of(self.accrued), accrued
        left = working.leaves // NANOS - units_filled
        self.machine.run(fill("1", units_filled, price, left, side=side, fee=fee, accrued=accrued))


@given(
    st.sampled_from((BUY, SELL)),
    st.lists(small_terms, min_size=1, max_size=5),
    st.lists(st.tuples(st.sampled_from(("ask", "stand", "fill", "fill")), st.integers(1, 3), st.integers(0, 2))),
    st.sampled_from((0, PERCENT, NANOS // 3)),
)
@settings(max_examples=200 * EFFORT)
def test_with_nothing_to_spare_fills_and_amends_may_come_in_any_order(
    side: Side, chain: list[Terms], steps: list[Any], rate: int
) -> None:
    account, asked = Cornered(side, chain[0], rate), iter(chain[1:])
    for number, (kind, quantity, better) in enumerate(steps):
        if order(account.machine).status in FINAL:
            break
        if kind == "ask" and (terms := next(asked, None)):
            account.ask(amend("1", terms.quantity // NANOS, terms.price // NANOS, command=f"a{number}"))
            assert outcome(account.machine, f"a{number}").reason_code is None
        elif kind == "stand":
            account.stand()
        elif kind == "fill":
            account.fill(quantity, better)
        check_ledger(account.machine.state)


# Forgetting.


def test_old_orders_are_forgotten_and_their_client_ids_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_evolution, "FINISHED_ORDERS_KEPT_MAX", 2)
    machine = accounts_with(deposit(100), place("live", quantity=1, price=1))
    for name in ("1", "2", "3"):
        machine.run_all([place(name, quantity=1, price=1, client_order_id=f"mine{name}"), fill(name, 1, 1, 0)])
    rows = machine.snapshot()
    assert sorted(rows["orders"]) == ["2", "3", "live"]
    assert sorted(rows["client_orders"]) == ["ann|mine2", "ann|mine3"]
    assert sorted(rows["finished"].values()) == ["2", "3"]
    again = machine.run(place("1", quantity=1, price=1, client_order_id="mine1"))
    assert statuses(again)[-1] is OrderStatus.RISK_APPROVED


def test_an_order_without_a_client_id_is_forgotten_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_evolution, "FINISHED_ORDERS_KEPT_MAX", 1)
    machine = accounts_with(place("1"), place("2"))
    assert sorted(machine.snapshot()["orders"]) == ["2"]


def test_what_a_reset_forgot_is_not_forgotten_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_evolution, "FINISHED_ORDERS_KEPT_MAX", 2)
    machine = accounts_with(place("1"))
    for key in list(machine.snapshot()["finished"]):
        machine.state.finished.delete(key)
    machine.run_all([place("2"), place("3")])
    assert sorted(machine.snapshot()["orders"]) == ["1", "2", "3"]
    for key in ("2", "3"):
        machine.state.orders.delete(key)
    machine.run_all([place("4"), place("5")])
    assert sorted(machine.snapshot()["finished"].values()) == ["4", "5"]


def test_numbers_of_orders_tell_the_shard_and_never_come_twice() -> None:
    machine = Machine("accounts", 7)
    machine.run(listed())
    rng = Random(3)
    numbers = [of_type(machine.run(place(str(rng.random()))), OrderEvent)[0].order_number for _ in range(3)]
    assert numbers == [107, 207, 307]


@pytest.mark.parametrize("field", order_terms.Special._fields)
def test_an_order_that_asks_for_anything_special_is_not_taken_for_a_plain_one(field: str) -> None:
    plain = place("1")
    assert order_terms.is_plain(plain)
    assert order_terms.special_of(plain) == order_terms.NOTHING_SPECIAL
    asked = {"self_trade_prevention": SelfTradePrevention.DECREMENT, "oco_group": "a"}.get(field, 1)
    special = msgspec.structs.replace(plain, **{field: asked})
    assert not order_terms.is_plain(special)
    assert order_terms.special_of(special) != order_terms.NOTHING_SPECIAL
