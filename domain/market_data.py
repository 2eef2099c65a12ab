"""The door for market data of other systems: looks at prices, and hands them to the shard of their instrument."""

from collections.abc import Iterator

import msgspec

from domain.ingress import AHEAD_NS_MAX, Refused
from domain.money import AMOUNT_MAX
from domain.names import is_name
from schemas.market_data import MarketDataEvent
from schemas.order_books import SetReferencePrices
from schemas.shared import Tick

Command = MarketDataEvent | Tick
Event = SetReferencePrices | Refused


class State(msgspec.Struct):
    """A door remembers nothing."""

    now: int = 0

    def rebuild(self) -> None:
        """Nothing is derived from the rows."""


def deadline(state: State) -> int | None:  # noqa: ARG001 - nothing is due at a time
    """When the shard wants to hear the time; None while nothing is due."""
    return None


def decide(state: State, command: Command) -> Iterator[Event]:
    """What the command brings about. Each event must be evolved before the next is asked for."""
    if isinstance(command, Tick):
        return
    bid, ask, last = command.bid_price, command.ask_price, command.last_price
    if not is_name(command.symbol):
        yield Refused("BAD_NAME", f"symbol {command.symbol!r}")
    elif command.timestamp > state.now + AHEAD_NS_MAX:
        yield Refused("SENT_TOO_FAR_AHEAD", f"priced at {command.timestamp}, received at {state.now}")
    elif not all(price is None or 0 <= price <= AMOUNT_MAX for price in (bid, ask, last)):
        yield Refused("BAD_PRICE", f"{command.symbol}: {bid} bid, {ask} asked, {last} last, in nanos")
    elif bid and ask and bid > ask:
        yield Refused("CROSSED_QUOTE", f"{command.symbol}: {bid} bid above {ask} asked, in nanos")
    else:
        yield SetReferencePrices(
            symbol=command.symbol, bid=bid, ask=ask, last=last, quoted_at=command.timestamp or state.now
        )


def evolve(state: State, event: Event) -> None:
    """Brings the event into the state: it has none."""
