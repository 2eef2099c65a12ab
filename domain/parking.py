"""Commands that come for a book which is not done with one before: each waits in a row of its own for its turn.

They are taken up in the order in which they came, in the records in which the book goes on, as if they came only then.
"""

from typing import Any, Self

import msgspec

from schemas.order_books import (
    CancelAllOrders,
    CancelRestingOrder,
    ChangePhase,
    EndSession,
    EnterOrder,
    ListInstrument,
    RearmBreaker,
    ReduceOrder,
    ReplaceOrder,
    SetBreaker,
    SetLastPrice,
    SetPriceBand,
    SetReferencePrices,
)

TRACEPARENT_LENGTH_MAX = 256
"""Of W3C's header, which has 55 bytes today."""


class ParkedCommand(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One command that waits: the one that is there."""

    enter: EnterOrder | None = None
    replace: ReplaceOrder | None = None
    reduce: ReduceOrder | None = None
    cancel: CancelRestingOrder | None = None
    cancel_all: CancelAllOrders | None = None
    change_phase: ChangePhase | None = None
    end_session: EndSession | None = None
    set_price_band: SetPriceBand | None = None
    set_last_price: SetLastPrice | None = None
    set_breaker: SetBreaker | None = None
    rearm_breaker: RearmBreaker | None = None
    set_reference_prices: SetReferencePrices | None = None
    list_instrument: ListInstrument | None = None
    traceparent: bytes = b""
    """The trace to which it belongs, as its header said."""

    @classmethod
    def of(cls, command: Any, traceparent: bytes) -> Self:
        """The row of a command, in its trace, unless that is too long to be one."""
        is_known = len(traceparent) <= TRACEPARENT_LENGTH_MAX
        return cls(**{_FIELDS[type(command)]: command}, traceparent=traceparent if is_known else b"")

    @property
    def command(self) -> Any:
        """The command."""
        return next(found for field in _FIELDS.values() if (found := getattr(self, field)) is not None)


_FIELDS: dict[type, str] = {
    EnterOrder: "enter",
    ReplaceOrder: "replace",
    ReduceOrder: "reduce",
    CancelRestingOrder: "cancel",
    CancelAllOrders: "cancel_all",
    ChangePhase: "change_phase",
    EndSession: "end_session",
    SetPriceBand: "set_price_band",
    SetLastPrice: "set_last_price",
    SetBreaker: "set_breaker",
    RearmBreaker: "rearm_breaker",
    SetReferencePrices: "set_reference_prices",
    ListInstrument: "list_instrument",
}
ORDERED = frozenset(_FIELDS)
"""What one book takes in the order in which it comes."""


class CommandParked(msgspec.Struct, frozen=True, gc=False):
    """A command waits: behind those that wait already, or before them, where it has begun and is not done."""

    command: Any
    is_first: bool = False


class CommandTaken(msgspec.Struct, frozen=True, gc=False):
    """A command that waited is decided on now: what follows is its doing, and goes out in its name."""

    command: Any
    traceparent: bytes = b""


def key_of(symbol: str, number: int) -> str:
    """Under which the command with that number lies."""
    return f"{symbol}|{number:012d}"
