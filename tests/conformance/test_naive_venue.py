"""What holds for the naive venue whatever it is told."""

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.effort import EFFORT
from tests.support.naive_venue import NaiveVenue, run
from tests.support.naive_venue_days import CHANGE_TOTALS, KEEP_TOTALS, Day
from tests.support.naive_venue_orders import RESTING, WAITING, Command

EXAMPLES = 300 * EFFORT
COMMANDS_MAX = 80
UNKNOWN = 999


def days(others: tuple[str, ...]) -> st.SearchStrategy[list[Command]]:
    return st.builds(
        lambda seed, length: Day(seed, length, others).commands, st.integers(0, 2**64), st.integers(1, COMMANDS_MAX)
    )


PLAIN_DAYS = days(KEEP_TOTALS)
"""Nothing changes what an order was entered with."""
DAYS = days(KEEP_TOTALS + CHANGE_TOTALS)


def without_rejects(venue: NaiveVenue) -> dict[str, Any]:
    return {key: repr(value) for key, value in venue.report().items() if key != "rejects"}


@settings(max_examples=EXAMPLES)
@given(DAYS)
def test_continuous_trading_leaves_no_cross_and_no_touched_stop(commands: list[Command]) -> None:
    venue = NaiveVenue()
    for command in commands:
        venue.apply(command)
        if venue.state == "continuous":
            best = [venue.prices("buy")[:1], venue.prices("sell")[:1]]
            assert not all(best) or best[0][0] < best[1][0]
            last = venue.last
            assert last is None or not [order for order in venue.at(WAITING) if order.is_touched(last)]


@settings(max_examples=EXAMPLES)
@given(DAYS)
def test_what_rests_is_open_and_shows_some_of_it(commands: list[Command]) -> None:
    venue = NaiveVenue()
    for command in commands:
        venue.apply(command)
        assert {order.place for order in venue.orders} <= {RESTING, WAITING}
        for order in venue.orders:
            assert order.open > 0
            assert order.place == WAITING or 0 < order.shown <= order.open
            assert order.display is None or order.shown <= order.display


@settings(max_examples=EXAMPLES)
@given(PLAIN_DAYS)
def test_every_lot_is_traded_cancelled_or_open(commands: list[Command]) -> None:
    venue = NaiveVenue()
    for command in commands:
        venue.apply(command)
    refused = {reject[0] for reject in venue.rejects if reject[1] != "cancel"}
    entered = {c["id"]: c["qty"] for c in commands if "qty" in c and c["id"] not in refused}
    found: Counter[int] = Counter({order.order_id: order.open for order in venue.orders})
    for trade in venue.trades:
        for role in ("taker", "maker"):
            found[trade[role]] += trade["qty"]
    for order_id, quantity, _ in venue.cancels:
        found[order_id] += quantity
    assert dict(found) == entered


@settings(max_examples=EXAMPLES)
@given(PLAIN_DAYS)
def test_nobody_trades_beyond_the_own_limit(commands: list[Command]) -> None:
    orders = {command["id"]: command for command in commands if "qty" in command}
    for trade in run(commands)["trades"]:
        assert trade["qty"] > 0
        sides = set()
        for role in ("taker", "maker"):
            order = orders[trade[role]]
            sides.add(order["side"])
            if "price" in order:
                assert trade["price"] <= order["price"] if order["side"] == "buy" else trade["price"] >= order["price"]
        assert sides == {"buy", "sell"}


@settings(max_examples=EXAMPLES)
@given(DAYS)
def test_a_refused_command_changes_nothing_else(commands: list[Command]) -> None:
    venue = NaiveVenue()
    for command in commands:
        before, refused = without_rejects(venue), len(venue.rejects)
        venue.apply(command)
        if len(venue.rejects) > refused:
            assert len(venue.rejects) == refused + 1
            assert without_rejects(venue) == before


@settings(max_examples=EXAMPLES)
@given(DAYS)
def test_commands_about_an_unknown_order_are_refused(commands: list[Command]) -> None:
    venue = NaiveVenue()
    for command in commands:
        venue.apply(command)
    before, refused = without_rejects(venue), len(venue.rejects)
    for command in ({"op": "cancel"}, {"op": "reduce", "by": 1}, {"op": "modify", "qty": 1}):
        venue.apply({"id": UNKNOWN, **command})
    assert [reject[:1] + reject[2:] for reject in venue.rejects[refused:]] == [[UNKNOWN, "unknown"]] * 3
    assert without_rejects(venue) == before


@settings(max_examples=EXAMPLES)
@given(DAYS)
def test_a_fok_trades_all_or_nothing(commands: list[Command]) -> None:
    venue = NaiveVenue()
    for command in commands:
        printed = len(venue.trades)
        venue.apply(command)
        if command.get("tif") == "fok":
            traded = sum(trade["qty"] for trade in venue.trades[printed:] if trade["taker"] == command["id"])
            assert traded in (0, command["qty"])


@settings(max_examples=EXAMPLES)
@given(DAYS)
def test_nobody_trades_with_an_own_order_where_the_takers_mode_forbids_it(commands: list[Command]) -> None:
    orders = {command["id"]: command for command in commands if "side" in command and "id" in command}
    for trade in run(commands)["trades"]:
        taker, maker = orders[trade["taker"]], orders[trade["maker"]]
        is_own = "owner" in taker and taker["owner"] == maker.get("owner")
        assert trade.get("auction") or not is_own or taker.get("stp", "none") == "none"
