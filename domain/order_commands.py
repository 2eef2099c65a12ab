"""The door for orders of other systems: names those without a name, and hands them to their account's shard."""

import re
from collections.abc import Iterator

import msgspec

from domain.ingress import AHEAD_NS_MAX, Refused
from domain.names import NAME_LENGTH_MAX, is_name
from domain.state import Table
from schemas.accounts import AmendOrder, CancelOrder, PlaceOrder
from schemas.order_commands import AmendRequest, CancelRequest, NewOrder
from schemas.shared import Tick

NAMED_HERE = re.compile(r"k\d+-\d+(\.(sl|tp))?")
"""Order ids that this machine gives, and those of their exits: nobody else may."""

Command = NewOrder | AmendRequest | CancelRequest | Tick


class Named(msgspec.Struct, frozen=True, gc=False):
    """Another order got its name here."""


Event = PlaceOrder | AmendOrder | CancelOrder | Named | Refused


class State:
    """Rows of one shard: how many orders it named."""

    def __init__(self, counts: Table[int], partition: int) -> None:
        self.counts, self.partition = counts, partition
        self.now = 0

    def rebuild(self) -> None:
        """Nothing is derived from the rows."""

    def named(self) -> int:
        """How many orders were named."""
        return self.counts.get("named") or 0


def deadline(state: State) -> int | None:  # noqa: ARG001 - nothing is due at a time
    """When the shard wants to hear the time; None while nothing is due."""
    return None


def decide(state: State, command: Command) -> Iterator[Event]:
    """What the command brings about. Each event must be evolved before the next is asked for."""
    if isinstance(command, Tick):
        return
    if command.sent_at is not None and command.sent_at > state.now + AHEAD_NS_MAX:
        yield Refused("SENT_TOO_FAR_AHEAD", f"sent at {command.sent_at}, received at {state.now}")
    elif not _has_good_names(command):
        yield Refused("BAD_NAME", f"account {command.account_id!r}, order {command.order_id!r}")
    else:
        yield from _handed_on(state, command)


def _has_good_names(command: NewOrder | AmendRequest | CancelRequest) -> bool:
    if not is_name(command.account_id) or not (command.order_id is None or is_name(command.order_id)):
        return False
    if not isinstance(command, NewOrder):
        return True
    # Whether there is such a symbol its account says; what is longer than any name can be is not even carried there.
    longest = max(len(command.symbol), len(command.client_order_id or ""))
    return longest <= NAME_LENGTH_MAX and NAMED_HERE.fullmatch(command.order_id or "") is None


def _handed_on(state: State, command: NewOrder | AmendRequest | CancelRequest) -> Iterator[Event]:
    match command:
        case NewOrder():
            if command.order_id is None:
                yield Named()
            yield _order(state, command)
        case AmendRequest():
            yield AmendOrder(
                order_id=command.order_id,
                account_id=command.account_id,
                quantity=command.quantity,
                limit_price=command.limit_price,
                stop_price=command.stop_price,
                trail=command.trail,
            )
        case _:
            yield CancelOrder(order_id=command.order_id, account_id=command.account_id)


def _order(state: State, command: NewOrder) -> PlaceOrder:
    return PlaceOrder(
        order_id=command.order_id or f"k{state.partition}-{state.named()}",
        account_id=command.account_id,
        client_order_id=command.client_order_id,
        symbol=command.symbol,
        side=command.side,
        order_type=command.order_type,
        quantity=command.quantity,
        limit_price=command.limit_price,
        stop_price=command.stop_price,
        notional=command.notional,
        take_profit_price=command.take_profit_price,
        stop_loss_price=command.stop_loss_price,
        stop_loss_limit_price=command.stop_loss_limit_price,
        time_in_force=command.time_in_force,
        trail=command.trail,
        display_quantity=command.display_quantity,
        slippage=command.slippage,
        expires_at=command.expires_at,
        self_trade_prevention=command.self_trade_prevention,
        oco_group=command.oco_group,
        is_post_only=command.is_post_only,
        is_reduce_only=command.is_reduce_only,
        sent_at=command.sent_at,
        source="kafka",
    )


def evolve(state: State, event: Event) -> None:
    """Brings the event into the state."""
    if isinstance(event, Named):
        state.counts.put("named", state.named() + 1)
