"""Instruments that trade at prices from elsewhere: by examples, and against a naive venue."""

from random import Random
from typing import Any

import msgspec
import pytest
from effort import seeds
from examples import (
    BUY,
    CENT,
    FOK,
    IOC,
    LIMIT,
    MARKET,
    SECOND,
    SELL,
    book_with,
    enter,
    levels,
    replace,
    take_out,
    units,
)
from machines import Machine, of_type
from naive_simulated_venue import NaiveSimulatedVenue

from domain.trades import HOUSE, fills_of
from schemas.enums import OrderType, ReasonCode, Side, TimeInForce, TradingPhase, Venue
from schemas.order_books import (
    ChangePhase,
    EnterOrder,
    MarkPrices,
    OrderArmed,
    OrderCancelled,
    OrderRested,
    OrderTriggered,
    SetReferencePrices,
    TradeExecuted,
)
from schemas.shared import Tick
from schemas.wire import NANOS

STOP, STOP_LIMIT = OrderType.STOP, OrderType.STOP_LIMIT


def prices(
    bid: float | None = None,
    ask: float | None = None,
    last: float | None = None,
    *,
    at: int = 0,
    symbol: str = "ADAUSDT",
    bid_size: float | None = None,
    ask_size: float | None = None,
) -> SetReferencePrices:
    found = [None if price is None else units(price) for price in (bid, ask, last, bid_size, ask_size)]
    return SetReferencePrices(symbol, at, *found)


def market_with(*given: Any, **instrument: Any) -> Machine:
    """ADAUSDT at 94.90 to 95.10, last 97, at the venue SIM; then what is given."""
    return book_with(prices("94.90", "95.10", 97), *given, venue=Venue.SIM, **instrument)


def special(order: EnterOrder, **more: Any) -> EnterOrder:
    return msgspec.structs.replace(order, **more)


def stop(order: str, side: Side, quantity: float, at: float, limit: float | None = None) -> EnterOrder:
    kind = STOP if limit is None else STOP_LIMIT
    return special(enter(order, side, quantity, limit, kind=kind), stop_price=units(at))


def heard(events: list[Any]) -> list[tuple[Any, ...]]:
    """What the world hears: trades of orders with quantity, price and liquidity; ends with what was left and why."""
    found: list[tuple[Any, ...]] = []
    for event in events:
        if isinstance(event, TradeExecuted):
            (fill,) = [fill for fill in fills_of(event) if fill.account_id != HOUSE]
            found.append(("trade", fill.order_id, fill.quantity, fill.price, fill.liquidity.value.lower()))
        elif isinstance(event, OrderCancelled):
            found.append(("end", event.order_id, event.quantity, event.reason_code.value))
        elif isinstance(event, OrderTriggered):
            found.append(("triggered", event.order_id))
    return found


def traded(order: str, quantity: float, price: float, liquidity: str = "taker") -> tuple[Any, ...]:
    return ("trade", order, units(quantity), units(price), liquidity)


def ended(order: str, quantity: float, reason: ReasonCode) -> tuple[Any, ...]:
    return ("end", order, units(quantity), reason.value)


# What comes in.


@pytest.mark.parametrize(("side", "price"), [(BUY, "95.10"), (SELL, "94.90")])
def test_a_market_order_buys_at_the_ask_and_sells_at_the_bid(side: Side, price: float) -> None:
    market = market_with()
    (trade,) = of_type(market.run(enter("1", side, 7, None, kind=MARKET)), TradeExecuted)
    assert heard([trade]) == [traded("1", 7, price)]
    assert (trade.venue, trade.order_id, trade.side) == (Venue.SIM, "1", side)
    assert {trade.buy_account_id, trade.sell_account_id} == {"ann", HOUSE}


@pytest.mark.parametrize(("side", "limit", "price"), [(BUY, 96, "95.10"), (BUY, "95.10", "95.10"), (SELL, 90, "94.90")])
def test_a_limit_that_reaches_the_quote_trades_at_the_quote(side: Side, limit: float, price: float) -> None:
    assert heard(market_with().run(enter("1", side, 20, limit))) == [traded("1", 20, price)]


def test_a_limit_that_does_not_reach_the_quote_rests_and_orders_of_two_people_do_not_meet() -> None:
    market = market_with()
    assert of_type(market.run(enter("1", BUY, 5, 95)), OrderRested)
    market.run(prices(0, 0))
    for order in (enter("2", BUY, 5, 96), enter("3", SELL, 5, 90, account="bob")):
        assert heard(market.run(order)) == []
    assert [level[:2] for level in levels(market)] == [("buy", 96), ("buy", 95), ("sell", 90)]


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (enter("1", BUY, 5, 95, tif=IOC), ReasonCode.IOC_REMAINDER),
        (enter("1", BUY, 5, 95, tif=FOK), ReasonCode.FOK_UNFILLABLE),
        (enter("1", BUY, 5, 95, kind=MARKET), ReasonCode.MARKET_REMAINDER),
        (special(enter("1", BUY, 5, 96), is_post_only=True), ReasonCode.POST_ONLY_WOULD_CROSS),
    ],
)
def test_what_can_not_or_must_not_trade_at_once_ends(order: EnterOrder, reason: ReasonCode) -> None:
    assert heard(market_with().run(order)) == [ended("1", 5, reason)]


def test_without_a_quote_nobody_trades() -> None:
    market = book_with(venue=Venue.SIM)
    assert heard(market.run(enter("1", SELL, 5, None, kind=MARKET))) == [ended("1", 5, ReasonCode.MARKET_REMAINDER)]
    assert of_type(market.run(enter("2", SELL, 5, 1)), OrderRested)


def test_what_is_worth_more_than_an_amount_can_be_does_not_trade() -> None:
    market = market_with()
    market.run(prices(10**17, 10**17))
    assert heard(market.run(enter("1", SELL, 10**17, 1))) == [ended("1", 10**17, ReasonCode.AMOUNT_OUT_OF_RANGE)]


def test_an_order_by_money_buys_as_many_lots_as_it_pays_at_the_ask() -> None:
    by_money = special(enter("1", BUY, 0, None, kind=MARKET), spend=units(100))
    assert heard(market_with().run(by_money)) == [traded("1", "1.051", "95.10"), ended("1", 0, ReasonCode.MONEY_SPENT)]
    too_little = special(enter("2", BUY, 0, None, kind=MARKET), spend=units("0.09"))
    assert heard(market_with().run(too_little)) == [ended("2", 0, ReasonCode.MARKET_REMAINDER)]


# What rests.


def test_the_quote_that_touches_a_limit_fills_it_at_the_limit_best_first_then_oldest_as_a_maker() -> None:
    market = market_with(
        enter("old", BUY, 5, 94, maker_fee=1_000_000, taker_fee=9),
        enter("new", BUY, 5, 94),
        enter("best", BUY, 5, "94.5"),
    )
    assert heard(market.run(prices("93.9", "94.01"))) == [traded("best", 5, "94.5", "maker")]
    events = market.run(prices(90, 92))
    assert heard(events) == [traded("old", 5, 94, "maker"), traded("new", 5, 94, "maker")]
    (first, _) = of_type(events, TradeExecuted)
    assert (first.order_id, first.side, first.buy_commission, first.sell_commission) == (HOUSE, SELL, units("0.47"), 0)
    assert levels(market) == []


def test_an_amended_limit_that_reaches_the_quote_trades_there() -> None:
    market = market_with(enter("1", SELL, 5, 96))
    assert heard(market.run(replace("1", 4, "94.5"))) == [traded("1", 4, "94.90")]


def test_what_rests_can_be_taken_out_and_ends_at_its_time() -> None:
    late = special(enter("2", SELL, 5, 99), time_in_force=TimeInForce.GTD, expires_at=2 * SECOND)
    market = market_with(enter("1", SELL, 5, 99), late)
    assert heard(market.run(take_out("1"))) == [ended("1", 5, ReasonCode.REQUESTED)]
    market.run(Tick(is_manual=False, timestamp=SECOND))
    assert market.noun.deadline(market.state) == 2 * SECOND
    assert heard(market.run(Tick(is_manual=False, timestamp=2 * SECOND))) == [ended("2", 5, ReasonCode.EXPIRED)]


def test_a_fill_of_one_order_of_a_group_cancels_the_others() -> None:
    profit, loss = (special(order, oco_group="g") for order in (enter("1", SELL, 5, 99), stop("2", SELL, 5, 90)))
    market = market_with(profit, loss)
    assert heard(market.run(prices(99, 100))) == [traded("1", 5, 99, "maker"), ended("2", 5, ReasonCode.OCO)]


# How much the quote shows.


def test_a_market_order_takes_what_the_quote_shows_and_the_rest_of_it_is_cancelled() -> None:
    market = market_with(prices("94.90", "95.10", bid_size=4, ask_size=7))
    assert heard(market.run(enter("1", BUY, 10, None, kind=MARKET))) == [
        traded("1", 7, "95.10"),
        ended("1", 3, ReasonCode.MARKET_REMAINDER),
    ]
    assert heard(market.run(enter("2", BUY, 1, None, kind=MARKET))) == [ended("2", 1, ReasonCode.MARKET_REMAINDER)]
    assert heard(market.run(enter("3", SELL, 3, None, kind=MARKET))) == [traded("3", 3, "94.90")]


def test_the_rest_of_a_limit_rests_and_trades_at_its_limit_when_the_quote_shows_more() -> None:
    market = market_with(prices("94.90", "95.10", bid_size=4, ask_size=7))
    assert heard(market.run(enter("1", BUY, 20, 96))) == [traded("1", 7, "95.10")]
    assert levels(market) == [("buy", 96, 13, ["1"])]
    assert heard(market.run(prices(last=95))) == [], "nobody said that there is more"
    assert heard(market.run(prices(ask="95.10", ask_size=5))) == [traded("1", 5, 96, "maker")]
    assert heard(market.run(prices(ask="95.20"))) == [traded("1", 8, 96, "maker")], "no size is no bound"


def test_those_who_rest_share_what_the_quote_shows_the_best_first_then_the_oldest() -> None:
    market = market_with(enter("old", BUY, 5, 94), enter("new", BUY, 5, 94), enter("best", BUY, 5, "94.5"))
    assert heard(market.run(prices(93, 94, ask_size=8))) == [
        traded("best", 5, "94.5", "maker"),
        traded("old", 3, 94, "maker"),
    ]
    assert levels(market) == [("buy", 94, 7, ["old", "new"])]
    market = market.rebuilt()
    assert heard(market.run(enter("late", BUY, 1, 99, tif=IOC))) == [ended("late", 1, ReasonCode.IOC_REMAINDER)]


def test_an_order_that_must_fill_entirely_does_so_up_to_what_the_quote_shows() -> None:
    market = market_with(prices(ask="95.10", ask_size=7))
    assert heard(market.run(enter("1", BUY, "7.001", 96, tif=FOK))) == [ended("1", "7.001", ReasonCode.FOK_UNFILLABLE)]
    assert heard(market.run(enter("2", BUY, 7, 96, tif=FOK))) == [traded("2", 7, "95.10")]


def test_money_that_finds_too_little_to_buy_is_left_over() -> None:
    market = market_with(prices(ask="95.10", ask_size=1))
    by_money = special(enter("1", BUY, 0, None, kind=MARKET), spend=units(951))
    assert heard(market.run(by_money)) == [traded("1", 1, "95.10"), ended("1", 0, ReasonCode.MARKET_REMAINDER)]


def test_of_what_is_shown_whole_lots_count_and_a_size_of_zero_is_nothing() -> None:
    market = market_with(prices(bid="94.90", bid_size="2.0009", ask="95.10", ask_size=0))
    assert heard(market.run(enter("1", SELL, 3, 90, tif=IOC))) == [
        traded("1", 2, "94.90"),
        ended("1", 1, ReasonCode.IOC_REMAINDER),
    ]
    assert heard(market.run(enter("2", BUY, 1, None, kind=MARKET))) == [ended("2", 1, ReasonCode.MARKET_REMAINDER)]
    assert of_type(market.run(special(enter("3", BUY, 1, 96), is_post_only=True)), OrderRested)


def test_a_stop_that_fires_sells_what_is_bid_for() -> None:
    fired = market_with(stop("1", SELL, 10, 95)).run(prices("94.90", "95.10", 95, bid_size=4))
    assert heard(fired) == [
        ("triggered", "1"),
        traded("1", 4, "94.90"),
        ended("1", 6, ReasonCode.MARKET_REMAINDER),
    ]


# Stops.


def test_a_stop_fires_when_the_last_price_touches_it_and_trades_at_the_quote() -> None:
    market = market_with()
    assert of_type(market.run(stop("1", SELL, 10, 95)), OrderArmed)
    assert heard(market.run(prices(last=96))) == []
    assert heard(market.run(prices(last="95.01"))) == []
    assert heard(market.run(prices(last=95))) == [("triggered", "1"), traded("1", 10, "94.90")]


def test_trades_with_the_house_are_no_last_price() -> None:
    market = market_with(stop("1", SELL, 10, "95.10"))
    assert heard(market.run(enter("2", BUY, 1, None, kind=MARKET))) == [traded("2", 1, "95.10")]
    assert market.state.book("ADAUSDT").last == units(97)


def test_a_stop_limit_that_is_not_marketable_when_it_fires_rests() -> None:
    market = market_with(stop("1", SELL, 5, 94, "93.9"))
    assert heard(market.run(prices("93.4", "93.6", "93.5"))) == [("triggered", "1")]
    assert levels(market) == [("sell", 93.9, 5, ["1"])]
    assert heard(market.run(prices("93.9", "94.1", "94"))) == [traded("1", 5, "93.9", "maker")]


def test_a_stop_at_a_price_that_was_passed_already_fires_at_once() -> None:
    assert heard(market_with().run(stop("1", BUY, 5, 96, 99))) == [("triggered", "1"), traded("1", 5, "95.10")]


def test_a_trailing_stop_follows_the_last_price() -> None:
    trailing = special(enter("1", SELL, 5, None, kind=OrderType.TRAILING_STOP), trail=units(2))
    market = market_with(trailing)
    for last in (99, "97.01"):
        assert heard(market.run(prices(last=last))) == []
    assert heard(market.run(prices(last=97))) == [("triggered", "1"), traded("1", 5, "94.90")]


# Quotes.


def test_a_quote_that_is_older_than_what_is_known_changes_nothing() -> None:
    market = market_with(prices(90, 91, 90, at=5 * SECOND))
    market.run(prices(80, 81, 80, at=5 * SECOND - 1))
    assert heard(market.run(enter("1", BUY, 1, None, kind=MARKET))) == [traded("1", 1, 91)]


def test_what_is_not_said_stays_zero_takes_away_and_what_would_cross_goes() -> None:
    market = market_with()
    quote = lambda: market.state.quotes.get("ADAUSDT")  # noqa: E731 - three looks at it
    market.run(prices(last=96))
    assert (quote().bid, quote().ask, quote().last) == (units("94.9"), units("95.1"), units(96))
    market.run(prices(ask="94.5"))
    assert (quote().bid, quote().ask) == (None, units("94.5"))
    market.run(prices(ask=0))
    assert (quote().bid, quote().ask, quote().last) == (None, None, units(96))


def test_prices_between_ticks_are_worse_for_whoever_trades_there() -> None:
    market = market_with(prices("94.999", "95.001", "94.995"))
    assert heard(market.run(enter("1", SELL, 1, None, kind=MARKET))) == [traded("1", 1, "94.99")]
    assert heard(market.run(enter("2", BUY, 1, None, kind=MARKET))) == [traded("2", 1, "95.01")]
    assert market.state.book("ADAUSDT").last == units("95.00")


def test_an_unknown_instrument_has_no_prices() -> None:
    assert market_with().run(prices(1, 2, 1, symbol="NONE")) == []


def test_the_marks_of_the_instrument_are_those_of_the_market_elsewhere() -> None:
    market = market_with()
    (marks,) = of_type(market.run(prices(94, 96, at=SECOND), at=SECOND), MarkPrices)
    (mark,) = marks.marks
    assert (mark.bid, mark.ask, mark.last) == (units(94), units(96), units(97))
    assert not of_type(market.run(enter("1", BUY, 1, 90), at=2 * SECOND), MarkPrices)


def test_an_instrument_that_trades_here_takes_the_last_price_from_elsewhere_until_it_has_its_own() -> None:
    book = book_with(enter("1", SELL, 5, 3))
    (marks,) = of_type(book.run(prices(1, 2, "1.5"), at=SECOND), MarkPrices)
    assert [(mark.bid, mark.ask, mark.last) for mark in marks.marks] == [(None, units(3), units("1.5"))]
    (marks,) = of_type(book.run(enter("2", BUY, 1, 3), at=2 * SECOND), MarkPrices)
    assert [mark.last for mark in marks.marks] == [units(3)]


# Phases, and too much for one record.


def test_in_a_halt_nothing_trades_and_what_was_touched_meanwhile_trades_when_it_ends() -> None:
    market = market_with(enter("1", BUY, 5, 94), stop("2", SELL, 5, 94), ChangePhase("ADAUSDT", TradingPhase.HALTED))
    assert heard(market.run(enter("3", BUY, 5, 99))) == [ended("3", 5, ReasonCode.HALTED)]
    assert heard(market.run(prices(93, "93.5", 93))) == []
    assert heard(market.run(ChangePhase("ADAUSDT", TradingPhase.CONTINUOUS))) == [
        traded("1", 5, 94, "maker"),
        ("triggered", "2"),
        traded("2", 5, 93),
    ]


def test_an_auction_ends_at_the_quote() -> None:
    market = market_with(ChangePhase("ADAUSDT", TradingPhase.AUCTION))
    market.run_all([enter("1", BUY, 5, 99), enter("2", SELL, 5, 90, account="bob")])
    events = market.run(ChangePhase("ADAUSDT", TradingPhase.CONTINUOUS))
    assert heard(events) == [traded("1", 5, 99, "maker"), traded("2", 5, 90, "maker")]


def test_a_quote_that_touches_more_than_one_record_may_do_goes_on_and_others_wait() -> None:
    market = market_with(*[enter(f"{number}", BUY, 1, 94) for number in range(600)])
    own: list[Any] = [prices(93, 94, 94), enter("late", BUY, 1, None, kind=MARKET)]
    found: list[tuple[Any, ...]] = []
    records = 0
    while own:
        records += 1
        for event in market.run(own.pop(0)):
            found += heard([event])
            own += [event] if type(event) in market.noun.commands else []
        market = market.rebuilt()
    assert found == [*[traded(f"{number}", 1, 94, "maker") for number in range(600)], traded("late", 1, 94)]
    assert records == 4  # 250; who comes later is put aside; 250; the rest, and who waited


# Against the naive venue.

PRICES = [CENT * price for price in range(9_490, 9_512, 2)]


def random_commands(rng: Random, count: int) -> list[Any]:
    found: list[Any] = []
    at = 0
    for number in range(1, count + 1):
        at += rng.choice((0, 1, 1, 1, -1))
        found.append(rng.choices((_order, _prices, _change, _phase), (50, 35, 15, 4))[0](rng, number, max(at, 0)))
    return found


def _order(rng: Random, number: int, _at: int) -> EnterOrder:
    side = rng.choice((BUY, SELL))
    kind = rng.choice([LIMIT, LIMIT, MARKET, STOP, STOP_LIMIT, OrderType.TAKE_PROFIT, OrderType.TRAILING_STOP])
    is_limited = kind in (LIMIT, STOP_LIMIT)
    force = rng.choice((TimeInForce.GTC, TimeInForce.GTC, IOC, FOK)) if kind is not MARKET else TimeInForce.GTC
    return special(
        enter(str(number), side, 1, None, kind=kind, tif=force),
        order_number=number,
        quantity=rng.randint(1, 9) * NANOS,
        limit_price=rng.choice(PRICES) if is_limited or rng.random() < 0.2 else None,
        stop_price=rng.choice(PRICES) if kind in (STOP, STOP_LIMIT, OrderType.TAKE_PROFIT) else None,
        trail=4 * CENT if kind is OrderType.TRAILING_STOP else None,
        oco_group=rng.choice(("", "", "a", "b")),
        is_post_only=kind is LIMIT and force is TimeInForce.GTC and rng.random() < 0.2,
    )


def _prices(rng: Random, _number: int, at: int) -> SetReferencePrices:
    bid = rng.choice((None, 0, *PRICES, *PRICES)) if rng.random() < 0.8 else None
    spread = rng.choice((0, 2, 4)) * CENT
    ask = rng.choice((None, 0, bid + spread)) if bid else rng.choice((None, 0, *PRICES))
    return SetReferencePrices(
        "ADAUSDT",
        at,
        bid,
        (bid + spread if bid and rng.random() < 0.8 else ask),
        rng.choice((None, *PRICES, 95 * NANOS + 3)),
        *(rng.choice((None, 0, 5 * NANOS + 7, *[NANOS * size for size in (1, 4, 9, 30)])) for _ in range(2)),
    )


def _change(rng: Random, number: int, _at: int) -> Any:
    order = str(rng.randint(max(1, number - 20), number))
    return take_out(order) if rng.random() < 0.4 else replace(order, rng.randint(1, 9), rng.choice(PRICES) / NANOS)


def _phase(rng: Random, _number: int, _at: int) -> ChangePhase:
    return ChangePhase("ADAUSDT", rng.choice((TradingPhase.CONTINUOUS, TradingPhase.HALTED)))


@pytest.mark.parametrize("seed", seeds(60))
def test_the_venue_and_a_naive_one_say_the_same(seed: int) -> None:
    rng = Random(seed)
    machine, naive = book_with(venue=Venue.SIM), NaiveSimulatedVenue(CENT, NANOS // 1_000)
    for command in random_commands(rng, 300):
        naive.said.clear()
        events = machine.run(command)
        naive.play(command)
        assert heard(events) == naive.said, command
        book = machine.state.book("ADAUSDT")
        assert {order.order_id: order.leaves for order in book.orders.values()} == {
            order.order_id: order.leaves for order in naive.resting
        }
        assert set(book.stops) == {order.order_id for order in naive.stops}
        if rng.random() < 0.05:
            machine = machine.rebuilt()


def test_the_random_commands_bring_about_everything() -> None:
    words: set[Any] = set()
    for seed in range(5):
        machine = book_with(venue=Venue.SIM)
        for said in heard(machine.run_all(random_commands(Random(seed), 300))):
            words.add(said[0] if said[0] == "triggered" else said[-1])
    reasons = {"OCO", "REQUESTED", "HALTED", "IOC_REMAINDER", "FOK_UNFILLABLE", "MARKET_REMAINDER"}
    assert words >= reasons | {"taker", "maker", "triggered", "POST_ONLY_WOULD_CROSS"}
