import msgspec
import pytest
from examples import units
from machines import Machine, about

from domain.ingress import AHEAD_NS_MAX, Refused
from domain.money import AMOUNT_MAX
from schemas.market_data import MarketDataEvent
from schemas.order_books import SetReferencePrices
from schemas.shared import Tick

QUOTE = MarketDataEvent("AAPL", "NASDAQ", units("94.9"), units("95.1"), units(300), units(200), units(97), timestamp=7)


def changed(**fields: object) -> MarketDataEvent:
    return msgspec.structs.replace(QUOTE, **fields)


def test_prices_are_handed_to_the_shard_of_their_instrument_with_their_time() -> None:
    assert Machine("market_data").run(QUOTE, at=10) == [
        SetReferencePrices(symbol="AAPL", bid=units("94.9"), ask=units("95.1"), last=units(97), quoted_at=7)
    ]


def test_prices_without_a_time_are_of_the_moment_at_which_they_came() -> None:
    assert Machine("market_data").run(changed(timestamp=0), at=10)[0].quoted_at == 10


def test_a_trade_may_come_without_a_quote_and_a_quote_without_a_trade() -> None:
    (told,) = Machine("market_data").run(MarketDataEvent("AAPL", last_price=units(97)))
    assert about(told, "bid", "ask", "last") == (None, None, units(97))


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (changed(symbol=""), "BAD_NAME"),
        (changed(symbol="a|b"), "BAD_NAME"),
        (changed(symbol="S" * 65), "BAD_NAME"),
        (changed(bid_price=-1), "BAD_PRICE"),
        (changed(ask_price=AMOUNT_MAX + 1), "BAD_PRICE"),
        (changed(last_price=-1), "BAD_PRICE"),
        (changed(bid_price=units("95.11")), "CROSSED_QUOTE"),
        (changed(timestamp=AHEAD_NS_MAX + 11), "SENT_TOO_FAR_AHEAD"),
    ],
)
def test_what_can_be_no_price_goes_no_further(wrong: MarketDataEvent, reason: str) -> None:
    (refused,) = Machine("market_data").run(wrong, at=10)
    assert type(refused) is Refused
    assert refused.reason == reason


def test_a_locked_market_and_one_with_one_side_are_prices() -> None:
    for quote in (changed(bid_price=QUOTE.ask_price), changed(bid_price=0), changed(ask_price=0)):
        assert type(Machine("market_data").run(quote)[0]) is SetReferencePrices


def test_the_time_alone_brings_about_nothing() -> None:
    machine = Machine("market_data")
    assert machine.run(Tick(is_manual=False)) == []
    assert machine.noun.deadline(machine.state) is None
