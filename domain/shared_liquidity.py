"""How much an order could trade where prices are shared: tried out on a copy of the queues, and nobody is told."""

from collections import OrderedDict

import msgspec

from domain.books import Book, crosses
from domain.breaker_rows import Sweep
from domain.pro_rata import Shares
from domain.resting import RestingOrder
from schemas.enums import SelfTradePrevention

LATER = 1 << 62
"""Higher than any priority in a book: of slices that follow in the trial."""


class Trial:
    """One order, as far as it would trade."""

    def __init__(self, book: Book, order: RestingOrder, lot: int, now: int) -> None:
        self._book, self._order, self._lot = book, order, lot
        asked = order.instructions
        self._prevention = SelfTradePrevention.NONE if asked is None else asked.self_trade_prevention
        self._sweep = None if book.breaker is None else Sweep(book.breaker, now)
        self._gone: set[str] = set()
        """Orders whose siblings have traded."""
        self._hit: set[str] = set()
        self._slices = 0
        self.found = 0
        self._is_over = False

    def run(self) -> int:
        """-> units, up to the order's own quantity."""
        order = self._order
        for price, level in self._book.opposite(order.side).from_best():
            if self._is_over or self.found >= order.quantity or not crosses(order.side, order.limit_price, price):
                break
            self._trade_at(price, OrderedDict(level))
        return self.found

    def _trade_at(self, price: int, level: OrderedDict[str, RestingOrder]) -> None:
        for order_id in [order_id for order_id in level if order_id in self._gone]:
            del level[order_id]
        shares = Shares()
        while level and not self._is_over and self.found < self._order.quantity:
            maker, units = shares.next(level, self._order.quantity - self.found, self._lot)
            quantity = min(units, self._order.quantity - self.found)
            if maker.account_id == self._order.account_id and self._prevention is not SelfTradePrevention.NONE:
                self._is_over = self._prevention is not SelfTradePrevention.CANCEL_OLDEST
                del level[maker.order_id]
            else:
                self._trade(price, level, maker, quantity)

    def _trade(self, price: int, level: OrderedDict[str, RestingOrder], maker: RestingOrder, quantity: int) -> None:
        self.found += quantity
        if self._sweep is not None:
            self._is_over = self._sweep.trips(price)
            self._sweep.take(price)
        self._take(level, maker, quantity)
        for group in {maker.group: None, self._order.group: None}:
            if group and group not in self._hit:
                self._hit.add(group)
                self._end_siblings(level, group, maker.order_id)
        if maker.group and maker.group == self._order.group:  # what the order leaves is cancelled, too
            self._is_over = True

    def _take(self, level: OrderedDict[str, RestingOrder], maker: RestingOrder, quantity: int) -> None:
        leaves = maker.leaves - quantity
        if not leaves:
            del level[maker.order_id]
        elif maker.shown == quantity:  # the next slice stands at the back
            self._slices += 1
            del level[maker.order_id]
            assert maker.instructions is not None
            shown = min(maker.instructions.display_quantity, leaves)
            level[maker.order_id] = msgspec.structs.replace(
                maker, leaves=leaves, shown=shown, priority=LATER + self._slices
            )
        else:
            level[maker.order_id] = msgspec.structs.replace(
                maker, leaves=leaves, shown=maker.shown - quantity if maker.shown else 0
            )

    def _end_siblings(self, level: OrderedDict[str, RestingOrder], group: str, filled: str) -> None:
        for order_id in self._book.groups.get(group, ()):
            if order_id != filled:
                self._gone.add(order_id)
                level.pop(order_id, None)
