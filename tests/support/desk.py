"""The words in which examples of the desk speak: whole units, and all that an example does not care for."""

from typing import Any

from examples import CENT, listed, units
from machines import Machine, of_type

from domain.inquiry_rows import Inquiry
from schemas.accounts import AccountKindChanged
from schemas.enums import (
    AccountKind,
    DealerDecision,
    DeskPolicy,
    InquiryResponse,
    InquirySide,
)
from schemas.inquiries import (
    DecideInquiry,
    DeskPositionChanged,
    InquiryBooked,
    InquiryEvent,
    InquiryRefused,
    OpenInquiry,
    QuoteDecided,
    QuoteInquiry,
    ReferencePrice,
    RespondToInquiry,
    SetDeskTerms,
    UpdateMarketMeasures,
    UpdateReferencePrices,
)
from schemas.wire import NANOS

CLIENT_BUYS, CLIENT_SELLS, TWO_WAY = InquirySide.BUY, InquirySide.SELL, InquirySide.TWO_WAY
BOOK, AAPL = "BOOK1", "AAPL"
START = 1_000 * NANOS
"""When examples begin."""
EVERY_LIMIT = {"quantity_max": None, "position_max": None, "credit_max": None}


def money(number: float | str | None) -> int | None:
    return None if number is None else units(number)


def inquire(
    name: str,
    side: InquirySide = CLIENT_BUYS,
    quantity: float = 100,
    price: float | str | None = None,
    *,
    client: str = "cpt1",
    book: str = BOOK,
    instrument: str = AAPL,
    command: str = "",
    **more: Any,
) -> OpenInquiry:
    return OpenInquiry(
        inquiry_id=name,
        client_id=client,
        book_id=book,
        instrument_id=instrument,
        client_side=side,
        quantity=units(quantity),
        requested_price=money(price),
        command_id=command or f"open {name}",
        **more,
    )


def quote(
    name: str, bid: float | str | None = None, ask: float | str | None = None, *, command: str = "", **more: Any
) -> QuoteInquiry:
    return QuoteInquiry(name, BOOK, AAPL, money(bid), money(ask), command_id=command or f"quote {name}", **more)


def respond(
    name: str, response: str, price: float | str | None = None, *, command: str = "", **more: Any
) -> RespondToInquiry:
    kind = InquiryResponse(response)
    return RespondToInquiry(
        name, BOOK, AAPL, kind, price=money(price), command_id=command or f"{response} {name}", **more
    )


def accept(name: str, **more: Any) -> RespondToInquiry:
    return respond(name, "ACCEPT", **more)


def decide(
    name: str, decision: str, price: float | str | None = None, *, command: str = "", **more: Any
) -> DecideInquiry:
    kind = DealerDecision(decision)
    return DecideInquiry(name, BOOK, AAPL, kind, price=money(price), command_id=command or f"{decision} {name}", **more)


def terms(policy: DeskPolicy = DeskPolicy.INVENTORY, *, is_auto: bool = True, **more: Any) -> SetDeskTerms:
    """The worked example of Avellaneda and Stoikov: γ 0.1, σ 2, κ 1.5, τ 1, a lot of 100, a band of 0.50."""
    usual: dict[str, Any] = {
        "risk_aversion": NANOS // 10,
        "volatility": 2 * NANOS,
        "arrival_decay": 3 * NANOS // 2,
        "horizon": NANOS,
        "inventory_lot": 100 * NANOS,
        "signal_max": 0,
        "size_premium": 0,
        "typical_quantity": 100 * NANOS,
        "counter_band": NANOS // 2,
        "tiers": (),
    }
    return SetDeskTerms(**usual | more, policy=policy, is_auto=is_auto)


def by_hand(**more: Any) -> SetDeskTerms:
    return terms(is_auto=False, **more)


def market(mid: float | str, *, at: int = START, instrument: str = AAPL, **more: Any) -> UpdateReferencePrices:
    return UpdateReferencePrices((ReferencePrice(instrument, units(mid), at, **more),))


def measured(
    fast: float | str | None = None,
    slow: float | str | None = None,
    *volatilities: float | str | None,
    at: int = START,
    instrument: str = AAPL,
) -> UpdateMarketMeasures:
    """What market data tells of a minute: averages of 5 and 15 closes; volatilities of 5 minutes, 15, an hour."""
    return UpdateMarketMeasures(instrument, at, money(fast), money(slow), *map(money, volatilities))


def trades_with(*names: str) -> list[AccountKindChanged]:
    return [AccountKindChanged(name, AccountKind.MARGIN, "USD") for name in names]


def aapl(**more: Any) -> Any:
    return listed(**{"symbol": AAPL, "base": AAPL, "quote": "USD", "tick": CENT, "lot": NANOS} | more)


def desk_with(*given: Any, at: int = START) -> Machine:
    """A shard of the desk that knows AAPL, a book and some clients, after what is given."""
    machine = Machine("inquiries", now=at)
    machine.run_all([aapl(), *trades_with(BOOK, "BOOK2", "cpt1", "cpt2", "cpt3"), *given])
    return machine


def inquiry_of(machine: Machine, name: str) -> Inquiry:
    found = machine.state.inquiries.get(name)
    assert isinstance(found, Inquiry)
    return found


def statuses(events: list[Any]) -> list[str]:
    """The states that were told, in order."""
    return [event.status.value for event in of_type(events, InquiryEvent)]


def refusals(events: list[Any]) -> list[str]:
    return [event.reason_code.value for event in of_type(events, InquiryRefused)]


def decisions(events: list[Any]) -> list[QuoteDecided]:
    return of_type(events, QuoteDecided)


def bookings(events: list[Any]) -> list[InquiryBooked]:
    return of_type(events, InquiryBooked)


def positions(events: list[Any]) -> list[DeskPositionChanged]:
    return of_type(events, DeskPositionChanged)
