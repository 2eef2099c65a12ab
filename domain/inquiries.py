"""Inquiries: requests for quotes, from the question of a client to the booked trade.

One shard has all inquiries of a book in an instrument, with the position that they change.
"""

from collections.abc import Callable, Iterator
from typing import Any

from domain import desk, inquiry_opening, inquiry_requests
from domain.inquiry_evolution import evolve
from domain.inquiry_rows import Event, State
from schemas.accounts import AccountKindChanged, ExposuresReported
from schemas.inquiries import (
    DecideInquiry,
    OpenInquiry,
    QuoteInquiry,
    ResetInquiries,
    RespondToInquiry,
    SetDeskSwitch,
    SetDeskTerms,
    UpdateMarketMeasures,
    UpdateReferencePrices,
)
from schemas.order_books import InstrumentListed, PhaseChanged, SetReferencePrices
from schemas.shared import Tick

__all__ = ["Command", "deadline", "decide", "evolve"]

Command = (
    OpenInquiry
    | QuoteInquiry
    | RespondToInquiry
    | DecideInquiry
    | SetDeskTerms
    | SetDeskSwitch
    | UpdateReferencePrices
    | UpdateMarketMeasures
    | InstrumentListed
    | PhaseChanged
    | SetReferencePrices
    | AccountKindChanged
    | ExposuresReported
    | ResetInquiries
    | Tick
)


def deadline(state: State) -> int | None:
    """When the shard wants to hear the time; None while nothing is due."""
    first = state.first_due()
    return None if first is None else first[0]


def decide(state: State, command: Command) -> Iterator[Event]:
    """What the command brings about. Each event must be evolved before the next is asked for."""
    return _DECIDERS[type(command)](state, command)


_DECIDERS: dict[type, Callable[[State, Any], Iterator[Event]]] = {
    OpenInquiry: inquiry_opening.open_inquiry,
    QuoteInquiry: inquiry_requests.request,
    RespondToInquiry: inquiry_requests.request,
    DecideInquiry: inquiry_requests.request,
    SetDeskTerms: desk.set_terms,
    SetDeskSwitch: desk.switch,
    UpdateReferencePrices: desk.priced,
    UpdateMarketMeasures: desk.heard,
    InstrumentListed: desk.heard,
    PhaseChanged: desk.heard,
    SetReferencePrices: desk.quoted,
    AccountKindChanged: desk.heard,
    ExposuresReported: desk.heard,
    ResetInquiries: desk.reset,
    Tick: desk.tick,
}
