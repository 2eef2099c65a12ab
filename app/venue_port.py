"""The port to venues of others, which an adapter of each fills: nothing speaks to any of them yet.

The instrument says where its orders trade, and each order carries that from its receipt on (D15). Those of an external
venue are refused with VENUE_UNAVAILABLE as they come in (`domain.orders`), until there is an adapter for its exchange.
"""

from collections.abc import AsyncIterator
from typing import Protocol

from schemas.order_books import (
    CancelRefused,
    CancelRestingOrder,
    EnterLimitOrder,
    EnterOrder,
    OrderCancelled,
    OrderReplaced,
    OrderRested,
    ReplaceOrder,
    ReplaceRefused,
    TradeExecuted,
)

Request = EnterLimitOrder | EnterOrder | ReplaceOrder | CancelRestingOrder
"""What an account asks of a book it asks of a venue."""
Report = OrderRested | TradeExecuted | OrderCancelled | OrderReplaced | ReplaceRefused | CancelRefused
"""What a book says to an account a venue says, too: accounts, risk, positions and audit know of no difference."""


class ExternalVenue(Protocol):
    """One venue of others."""

    @property
    def exchange(self) -> str:
        """Its name, as instruments have it."""

    async def send(self, request: Request) -> None:
        """Hands a request over. The order's id goes with it as the client's: the same one again does nothing."""

    def reports(self, after: str) -> AsyncIterator[tuple[str, Report]]:
        """What the venue says, each with its position there, from behind `after` on: nothing is lost meanwhile."""
