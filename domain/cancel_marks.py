"""Up to which order of an account, or of everybody, all were cancelled: exits of those do not go to a book any more.

A fill may be on its way when all orders of an account are asked to go: then its exits are in no book yet, and would
enter one behind the cancel. They go with the order with which they were placed. What is remembered of everybody are
three rows an instrument at most.
"""

from itertools import product

import msgspec

from domain.risk_rows import EVERYBODY
from domain.state import Table
from schemas.accounts import CancelOpenOrders
from schemas.enums import ReasonCode, Side


class CancelMark(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """All orders up to this number were asked to go, and why."""

    order_number_max: int
    reason_code: ReasonCode


class CancelMarked(msgspec.Struct, frozen=True, gc=False):
    """All open orders of an account up to this number go: in one symbol or in all, of one side or of both.

    Of every account of the shard where that is empty.
    """

    account_id: str
    symbol: str
    side: Side
    mark: CancelMark


def marked(command: CancelOpenOrders, newest: int) -> CancelMarked:
    """What is remembered of a command."""
    return CancelMarked(command.account_id, command.symbol, command.side, CancelMark(newest, command.reason_code))


def put(marks: Table[CancelMark], event: CancelMarked) -> None:
    """Remembers the last one of its kind: it reaches farthest."""
    marks.put(_key(event.account_id, event.symbol, event.side), event.mark)


def reason_of(
    marks: Table[CancelMark], account_id: str, symbol: str, side: Side, order_number: int
) -> ReasonCode | None:
    """Why such an order was asked to go with all others; None where it was not."""
    for key in product((EVERYBODY, account_id), ("", symbol), (Side.UNKNOWN, side)):
        mark = marks.get(_key(*key))
        if mark is not None and order_number <= mark.order_number_max:
            return mark.reason_code
    return None


def _key(account_id: str, symbol: str, side: Side) -> str:
    return f"{account_id}|{symbol}|{side}"
