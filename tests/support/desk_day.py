"""A day at the desk: what clients, dealers and operators say, right and wrong, at random."""

from collections.abc import Iterator
from random import Random
from typing import Any

import desk
from examples import BUY, CENT, SELL

from schemas.accounts import ChangeAccountKind, DepositFunds
from schemas.enums import AccountKind, DealerDecision, DeskPolicy, InquiryResponse, InquirySide, Side
from schemas.inquiries import ReferencePrice, SetDeskSwitch, UpdateReferencePrices
from schemas.inquiry_commands import InquiryQuote, InquiryReply, InquiryVerdict, NewInquiry
from schemas.wire import NANOS

DESK = ("desk", "hedge")
"""Margin accounts that deal by inquiries alone, with each other and with everybody."""


class Desk:
    """Who deals by inquiries."""

    def __init__(self, rng: Random, accounts: list[str], prices: dict[str, list[int]]) -> None:
        self.rng, self.accounts, self.prices = rng, accounts, prices
        self.asked: list[tuple[str, str, str]] = []
        """Id, book and instrument."""

    def opening(self) -> Iterator[Any]:
        for name in DESK:
            yield DepositFunds(name, "USDT", NANOS)
            yield ChangeAccountKind(name, AccountKind.MARGIN, "USDT")
        usual = {
            "life_ns": 30 * NANOS,
            "firm_ns": 20 * NANOS,
            "arrival_decay": 200 * NANOS,
            "ref_age_max_ns": 10**16,
            "counter_band": 3 * CENT,
            "volatility": CENT,
            "last_look_ns": 5 * NANOS,
            "last_look_tolerance": CENT,
            "signal_max": 2 * CENT,
            "volatility_window_s": 900,
        }
        yield desk.terms(**usual)
        yield desk.terms(DeskPolicy.PARITY, book_id=DESK[1], **usual)
        yield desk.by_hand(book_id=DESK[1], instrument_id="AAPL", **usual)

    def says(self, name: str, symbol: str, quantity: int, now: int) -> Any:
        """What somebody says next."""
        rng = self.rng
        book, client = rng.choice((DESK, DESK[::-1], (DESK[0], rng.choice(self.accounts))))
        price = rng.choice(self.prices[symbol])
        key = (name, book, symbol)
        known = rng.choice(self.asked[-2:]) if self.asked else key
        asks = NewInquiry(
            client_id=client,
            book_id=book,
            instrument_id=symbol,
            client_side=rng.choice([*InquirySide, *[InquirySide.BUY, InquirySide.SELL] * 3]),
            quantity=quantity,
            inquiry_id=name,
            requested_price=rng.choice((None, price, price, price)),
        )
        middles = tuple(ReferencePrice(each, prices[1], now) for each, prices in self.prices.items())
        measured = desk.measured(1 + price % 7 / 100, 1, 0, 0.01, at=now, instrument=symbol)
        chosen = rng.choice(
            (
                *[asks] * 7,
                InquiryQuote(*known, *rng.choice(((price, None), (None, price), (price, price)))),
                *[InquiryReply(*known, InquiryResponse.ACCEPT, rng.choice((BUY, SELL, Side.UNKNOWN)))] * 3,
                InquiryReply(*known, rng.choice(list(InquiryResponse)), price=price),
                *[InquiryVerdict(*known, rng.choice(list(DealerDecision)), price)] * 2,
                UpdateReferencePrices(middles) if quantity % 3 else measured,
                SetDeskSwitch(is_on=rng.random() < 0.1, book_id=rng.choice(("", *DESK))),
            )
        )
        if chosen is asks:
            self.asked.append(key)
        return chosen
