"""What holds once all open orders of an account, or of everybody, were asked to go: no exit of one begins to work."""

from itertools import product
from typing import Any

from machines import Machine, of_type

from domain.account_rows import Answered
from domain.cancel_marks import CancelMarked
from domain.money import NUMBERS_PER_COUNT
from domain.order_life import EXEC_TYPES, Step
from domain.timers import TimerSet
from schemas.accounts import CancelOpenOrders, OrderEvent
from schemas.enums import Side
from schemas.shared import Tick


class AllGone:
    """How far all were asked to go."""

    def __init__(self) -> None:
        self.marks: dict[str, int] = {}
        """The newest order of each account when all of its open orders were asked to go."""
        self.everybody: dict[tuple[int, str, Side], int] = {}
        """The same of all accounts of a shard, by symbol and side."""

    def look(self, machine: Machine, command: Any, events: list[Any]) -> None:
        """One record of a shard of accounts."""
        number = machine.place.partition
        for event in of_type(events, OrderEvent):
            if event.parent_id is not None and event.exec_type == EXEC_TYPES[Step.RELEASED]:
                parent = machine.state.orders.get(event.parent_id)
                assert parent.order_number > self.marks.get(event.account_id, 0)
                for symbol, side in product(("", parent.symbol), (Side.UNKNOWN, parent.side)):
                    assert parent.order_number > self.everybody.get((number, symbol, side), 0)
        newest = machine.state.shard_row().orders * NUMBERS_PER_COUNT + number
        is_of_all = type(command) is CancelOpenOrders and not command.symbol and command.side is Side.UNKNOWN
        if is_of_all and any(not each.outcome.reason_code for each in of_type(events, Answered)):
            self.marks[command.account_id] = newest
        if type(command) is CancelOpenOrders and not command.account_id and of_type(events, CancelMarked):
            self.everybody[number, command.symbol, command.side] = newest
        for event in of_type(events, TimerSet):
            if not event.at and type(command) is Tick:
                self.marks[event.account_id] = newest
