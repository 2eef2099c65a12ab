"""Totals of what is at risk: what an account owns is in one of them, however many symbols price it."""

from typing import Any

from examples import listing, units

from domain.account_rows import Balance
from domain.instruments import Instrument, from_listing
from domain.positions import Position
from web.risk import SymbolRisk, homes, total


def instrument(symbol: str, base: str, quote: str) -> Instrument:
    return from_listing(listing(symbol=symbol, base=base, quote=quote))


MARKETS = [
    instrument("ADAEUR", "ADA", "EUR"),
    instrument("ADAUSD", "ADA", "USD"),
    instrument("ADAUSD.X", "ADA", "USD"),
    instrument("ETHADA", "ETH", "ADA"),
]


def last(**prices: int | None) -> dict[str, int | None]:
    return {each.symbol: None for each in MARKETS} | prices


def at_risk(symbol: str, base: str, quote: str, value: int, *, is_counted: bool) -> SymbolRisk:
    return SymbolRisk(symbol, quote, 1, 1, units(value), 0, 0, 0, 0, None, base, is_counted)


def test_what_is_owned_is_shown_once_for_each_asset_that_prices_it_and_counted_once() -> None:
    shown, counted = homes(MARKETS, {}, last(ADAEUR=2, ADAUSD=3))
    assert (shown, counted) == ({"ADAEUR", "ADAUSD", "ETHADA"}, {"ADAEUR", "ETHADA"})


def test_it_is_counted_where_it_was_traded() -> None:
    traded = {"ADAUSD.X": Position(quantity=1)}
    shown, counted = homes(MARKETS, traded, last(**{"ADAEUR": 2, "ADAUSD": 3, "ADAUSD.X": 3}))
    assert (shown, counted) == ({"ADAEUR", "ADAUSD.X", "ETHADA"}, {"ADAUSD.X", "ETHADA"})


def test_and_where_it_has_a_price() -> None:
    assert "ADAUSD" in homes(MARKETS, {"ADAEUR": Position(quantity=1)}, last(ADAUSD=3))[1]


def test_a_position_is_in_one_total() -> None:
    """100 ADA, worth 200 euros or 300 dollars: not both. And what is a position in euros is no cash in ADA."""
    found = [
        at_risk("ADAEUR", "ADA", "EUR", 200, is_counted=True),
        at_risk("ADAUSD", "ADA", "USD", 300, is_counted=False),
        at_risk("ETHADA", "ETH", "ADA", 50, is_counted=True),
    ]
    balances: dict[str, Any] = {"ADA": Balance(units(100)), "USD": Balance(units(7))}

    def figures(quote: str) -> tuple[str, ...]:
        told = total(quote, balances, found)
        return told["cash"], told["gross_exposure"], told["net_exposure"], told["equity"]

    assert figures("EUR") == ("0", "200", "200", "200")
    assert figures("USD") == ("7", "0", "0", "7")
    assert figures("ADA") == ("0", "50", "50", "50")
