"""How a book finds orders that ask for something special: by their group, and by when they end."""

from collections.abc import Callable

from domain.levels import Expiries
from domain.resting import RestingOrder
from schemas.enums import TimeInForce


def nobody_hears(_at: int) -> None:
    """Nobody wants to know when orders end."""


class BookIndex:
    """Orders of one book by id, and by what few of them have."""

    __slots__ = ("days", "expiries", "groups", "hear_of_expiry", "orders", "pairs")

    def __init__(self, hear_of_expiry: Callable[[int], None]) -> None:
        self.hear_of_expiry = hear_of_expiry
        self.orders: dict[str, RestingOrder] = {}
        """All that rest."""
        self.groups: dict[str, dict[str, None]] = {}
        """Ids of the orders of each OCO group."""
        self.pairs: dict[str, None] = {}
        """Groups of which two orders or more stand on one side of the book."""
        self.expiries, self.days = Expiries(), Expiries()
        """Orders that end at a time, and those for the day, by number."""

    def index(self, order: RestingOrder) -> None:
        """The order rests or waits from now on."""
        instructions = order.instructions
        if instructions is None:
            return
        if instructions.oco_group:
            self.groups.setdefault(instructions.oco_group, {})[order.order_id] = None
            self._pair(instructions.oco_group)
        if instructions.expires_at:
            self.expiries.add(order, instructions.expires_at)
            self.hear_of_expiry(instructions.expires_at)
        elif instructions.time_in_force is TimeInForce.DAY:
            self.days.add(order, 0)

    def forget(self, order: RestingOrder) -> None:
        """The order is gone."""
        instructions = order.instructions
        if instructions is None:
            return
        if instructions.oco_group:
            group = self.groups[instructions.oco_group]
            del group[order.order_id]
            self._pair(instructions.oco_group)
            if not group:
                del self.groups[instructions.oco_group]
        if instructions.expires_at:
            self.expiries.remove(order)
        elif instructions.time_in_force is TimeInForce.DAY:
            self.days.remove(order)

    def _pair(self, name: str) -> None:
        sides = [order.side for each in self.groups[name] if (order := self.orders.get(each)) is not None]
        if len(sides) > len(set(sides)):
            self.pairs[name] = None
        else:
            self.pairs.pop(name, None)
