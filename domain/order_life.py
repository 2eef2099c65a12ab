"""The life of an order as one table: for every state and every step exactly one answer, in the words of FIX.

The state is FIX's OrdStatus (39), why an event tells of it ExecType (150). Pending cancel and pending replace (39=6 and
39=E) are no states of their own: an order whose cancel or amend is on its way to the book trades on as it did.
"""

from enum import StrEnum
from typing import NamedTuple

from domain.order_rows import FINAL
from schemas.enums import ExecType, OrderStatus, ReasonCode


class Step(StrEnum):
    """What may happen to an order in its account."""

    PLACED = "PLACED"
    """It came in and will be checked."""
    REFUSED = "REFUSED"
    """The account does not take it."""
    VALIDATED = "VALIDATED"
    APPROVED = "APPROVED"
    """Its funds are held, and it goes to its book."""
    HELD_BACK = "HELD_BACK"
    """An exit waits until its parent has filled."""
    RELEASED = "RELEASED"
    """Its funds are held, and it goes to its book."""
    REJECTED = "REJECTED"
    """The book does not take it, or its funds are not there when it is released."""
    RESTED = "RESTED"
    ARMED = "ARMED"
    """It waits in the book for its trigger."""
    TRIGGERED = "TRIGGERED"
    FILLED_IN_PART = "FILLED_IN_PART"
    FILLED = "FILLED"
    """Nothing is left of it after a trade."""
    SPENT = "SPENT"
    """Its money is spent: what it has bought is all of it."""
    REDUCED = "REDUCED"
    """Units were taken off it, and not by an amend."""
    AMENDED = "AMENDED"
    AMENDED_TO_FILLED = "AMENDED_TO_FILLED"
    """Its quantity was amended down to what was filled already (D31)."""
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    CANCEL_ASKED = "CANCEL_ASKED"
    AMEND_ASKED = "AMEND_ASKED"
    REQUEST_REFUSED = "REQUEST_REFUSED"
    """The book does not amend it, or has it no longer."""


IN_BOOK = (OrderStatus.OPEN, OrderStatus.TRIGGER_WAIT, OrderStatus.PARTIALLY_FILLED)
ALIVE = (OrderStatus.RISK_APPROVED, *IN_BOOK)
"""Between the approval and the end; what comes before is told, and never waits."""
TRADING = (OrderStatus.RISK_APPROVED, OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED)


def _stays(states: tuple[OrderStatus, ...]) -> dict[OrderStatus | None, OrderStatus | None]:
    return {status: status for status in states}


def _to(end: OrderStatus, states: tuple[OrderStatus | None, ...]) -> dict[OrderStatus | None, OrderStatus | None]:
    return dict.fromkeys(states, end)


_TOO_LATE: dict[OrderStatus | None, OrderStatus | None] = dict.fromkeys(FINAL)
ANSWERS: dict[Step, dict[OrderStatus | None, OrderStatus | None]] = {
    Step.PLACED: {None: OrderStatus.PENDING},
    Step.REFUSED: {None: OrderStatus.REJECTED},
    Step.VALIDATED: {OrderStatus.PENDING: OrderStatus.VALIDATED},
    Step.APPROVED: {OrderStatus.VALIDATED: OrderStatus.RISK_APPROVED},
    Step.HELD_BACK: {None: OrderStatus.HELD},
    Step.RELEASED: {OrderStatus.HELD: OrderStatus.RISK_APPROVED},
    Step.REJECTED: _to(OrderStatus.REJECTED, (OrderStatus.RISK_APPROVED, OrderStatus.HELD)),
    Step.RESTED: _to(OrderStatus.OPEN, (OrderStatus.RISK_APPROVED, OrderStatus.OPEN)),
    Step.ARMED: {OrderStatus.RISK_APPROVED: OrderStatus.TRIGGER_WAIT},
    Step.TRIGGERED: {OrderStatus.TRIGGER_WAIT: OrderStatus.OPEN},
    Step.FILLED_IN_PART: _to(OrderStatus.PARTIALLY_FILLED, TRADING),
    Step.FILLED: _to(OrderStatus.FILLED, TRADING),
    Step.SPENT: {OrderStatus.PARTIALLY_FILLED: OrderStatus.FILLED},
    Step.REDUCED: _stays(ALIVE),
    Step.AMENDED: _stays((OrderStatus.HELD, *IN_BOOK)),
    Step.AMENDED_TO_FILLED: {OrderStatus.PARTIALLY_FILLED: OrderStatus.FILLED},
    Step.CANCELLED: _to(OrderStatus.CANCELLED, (OrderStatus.HELD, *ALIVE)),
    Step.EXPIRED: _to(OrderStatus.EXPIRED, IN_BOOK),
    Step.CANCEL_ASKED: _stays((OrderStatus.HELD, *ALIVE)) | _TOO_LATE,
    Step.AMEND_ASKED: _stays((OrderStatus.HELD, *ALIVE)) | _TOO_LATE,
    Step.REQUEST_REFUSED: _stays(ALIVE) | _TOO_LATE,
}
"""The next state by step and state; no state at all before the first step, and none as the answer where it is too late.
A pair that is not here is impossible."""

EXEC_TYPES: dict[Step, ExecType] = {
    Step.PLACED: ExecType.PENDING_NEW,
    Step.REFUSED: ExecType.REJECTED,
    Step.VALIDATED: ExecType.PENDING_NEW,
    Step.APPROVED: ExecType.PENDING_NEW,
    Step.HELD_BACK: ExecType.SUSPENDED,
    Step.RELEASED: ExecType.PENDING_NEW,
    Step.REJECTED: ExecType.REJECTED,
    Step.RESTED: ExecType.NEW,
    Step.ARMED: ExecType.NEW,
    Step.TRIGGERED: ExecType.TRIGGERED,
    Step.FILLED_IN_PART: ExecType.TRADE,
    Step.FILLED: ExecType.TRADE,
    Step.SPENT: ExecType.RESTATED,
    Step.REDUCED: ExecType.RESTATED,
    Step.AMENDED: ExecType.REPLACED,
    Step.AMENDED_TO_FILLED: ExecType.REPLACED,
    Step.CANCELLED: ExecType.CANCELLED,
    Step.EXPIRED: ExecType.EXPIRED,
}
"""Why the world hears of a step. Of the others only who asked hears."""
EXEC_TYPE_CODES = {
    ExecType.NEW: "0",
    ExecType.CANCELLED: "4",
    ExecType.REPLACED: "5",
    ExecType.REJECTED: "8",
    ExecType.SUSPENDED: "9",
    ExecType.PENDING_NEW: "A",
    ExecType.EXPIRED: "C",
    ExecType.RESTATED: "D",
    ExecType.TRADE: "F",
    ExecType.TRIGGERED: "L",
}
"""Values of FIX's tag 150."""


class Words(NamedTuple):
    """A state in the words of FIX and of each API that the platform speaks (D8)."""

    ord_status: str
    """FIX, tag 39."""
    exchange: str
    """The exchange API (S1)."""
    trading: str | None
    """The trading API (S3); None where it says nothing of the state."""
    stock: str
    """The stock trading architecture (S4)."""


WORDS = {
    OrderStatus.PENDING: Words("A", "pending", "PENDING", "PENDING"),
    OrderStatus.VALIDATED: Words("A", "pending", None, "VALIDATED"),
    OrderStatus.RISK_APPROVED: Words("A", "pending", None, "RISK_APPROVED"),
    OrderStatus.HELD: Words("9", "pending", None, "HELD"),
    OrderStatus.OPEN: Words("0", "pending", None, "OPEN"),
    OrderStatus.TRIGGER_WAIT: Words("0", "pending", None, "TRIGGER_WAIT"),
    OrderStatus.PARTIALLY_FILLED: Words("1", "partially filled", "PARTIALLY_FILLED", "PARTIALLY_FILLED"),
    OrderStatus.FILLED: Words("2", "filled", "FILLED", "EXECUTED"),
    OrderStatus.CANCELLED: Words("4", "cancelled", "CANCELLED", "CANCELLED"),
    OrderStatus.EXPIRED: Words("C", "expired", "EXPIRED", "EXPIRED"),
    OrderStatus.REJECTED: Words("8", "rejected", "REJECTED", "REJECTED"),
}

CXL_REJ_REASONS = {ReasonCode.TOO_LATE: 0, ReasonCode.UNKNOWN_ORDER: 1, ReasonCode.OFF_TICK: 18}
"""FIX's CxlRejReason (102) of a cancel or amend that was refused; 99, other, for what is not here."""
CXL_REJ_REASON_OTHER = 99


def answer(status: OrderStatus | None, step: Step) -> OrderStatus | None:
    """The next state, or None where the step comes too late."""
    answers = ANSWERS[step]
    assert status in answers, f"{step} of an order that is {status}"
    return answers[status]


def after(status: OrderStatus | None, step: Step) -> OrderStatus:
    """The next state, where the step cannot come too late: who does it knows that the order is alive."""
    found = ANSWERS[step].get(status)
    assert found is not None, f"{step} of an order that is {status}"
    return found
