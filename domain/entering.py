"""An order comes in: it waits for its trigger, trades what it can, then rests or leaves; stops that it set off follow.

One record does a bounded amount of work: what is not done goes on in a record of its own, and others wait meanwhile.
"""

from collections.abc import Iterator

import msgspec

from domain import auction_orders, simulated_venue, stops
from domain.auction_books import AUCTIONS
from domain.book_events import Rested
from domain.book_rows import Booked, Event, Paused, State, StopArmed
from domain.books import Book, crosses
from domain.liquidity import reachable
from domain.matching import can_go_on, cancel_siblings, cancelled, match
from domain.resting import Instructions, RestingOrder, StopOrder, with_slice
from schemas.enums import OrderType, ReasonCode, SelfTradePrevention, Side, TimeInForce, TradingPhase
from schemas.order_books import EnterOrder, OrderArmed, OrderCancelled, OrderTriggered

AT_ONCE = frozenset({TimeInForce.IOC, TimeInForce.FOK})
WAITING = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP, OrderType.TAKE_PROFIT})
LIMITED = frozenset({TimeInForce.DAY, TimeInForce.GTD, *AUCTIONS})
SHUT = {TradingPhase.HALTED: ReasonCode.HALTED, TradingPhase.CLOSED: ReasonCode.MARKET_CLOSED}
"""Phases in which no order is taken, and why."""
NO_LIMIT = 10**38 - 1
"""Up to where an order buys that has no limit."""
QUANTITY_MAX = 10**28
"""Units of an order of which the money counts, and not the quantity."""


def enter(state: State, command: EnterOrder) -> Iterator[Event]:
    """A new order."""
    symbol = command.symbol
    book = state.by_symbol.get(symbol)
    if book is None or book.instrument is None:
        yield _refused(command, 0, ReasonCode.UNKNOWN_SYMBOL)
        return
    order = order_of(command, book)
    fault = _fault(state, book, command, order)
    if fault is not None:
        yield _refused(command, book.sequence + 1, fault)
    elif command.time_in_force in AUCTIONS:
        yield from auction_orders.rest(command, order)
    elif command.order_type in WAITING:
        yield from _arm(book, command, order)
    else:
        yield from act(state, book, order, reason_not_to_rest(command.order_type, command.time_in_force), is_new=True)
    if book.stops:
        yield from cascade(state, book, symbol)


def order_of(command: EnterOrder, book: Book) -> RestingOrder:
    """The order as the book knows it."""
    limit = command.limit_price
    if limit is None:
        limit = NO_LIMIT if command.side is Side.BUY else 0
    if command.slippage is not None:
        limit = _limit_of(book, command.side, command.slippage, limit)
    quantity = command.quantity if command.spend is None else command.quantity or QUANTITY_MAX
    instructions = instructions_of(command)
    display = 0 if instructions is None else instructions.display_quantity
    return RestingOrder(
        command.order_id,
        command.account_id,
        command.symbol,
        command.order_number,
        command.side,
        limit,
        quantity,
        quantity,
        book.sequence + 1,
        command.maker_fee_rate,
        command.taker_fee_rate,
        0,
        0 if display >= quantity else display,
        command.spend,
        instructions,
    )


def instructions_of(command: EnterOrder) -> Instructions | None:
    """What the order asks for; None where that is nothing."""
    is_plain = (
        command.time_in_force not in LIMITED
        and not command.display_quantity
        and command.self_trade_prevention is SelfTradePrevention.NONE
        and not command.oco_group
        and not command.is_post_only
    )
    if is_plain:
        return None
    return Instructions(
        command.time_in_force,
        command.expires_at if command.time_in_force is TimeInForce.GTD else 0,
        command.display_quantity or 0,
        command.self_trade_prevention,
        command.oco_group,
        command.is_post_only,
        command.ends_group_at_trigger,
    )


def _limit_of(book: Book, side: Side, slippage: int, limit: int) -> int:
    """The worst price of an order that may slip so far from the best one."""
    best = book.best_against(side)
    if best is None:
        return limit
    return min(limit, best + slippage) if side is Side.BUY else max(limit, best - slippage)


def _fault(state: State, book: Book, command: EnterOrder, order: RestingOrder) -> ReasonCode | None:
    """Why the book does not take the order; None where it does."""
    if (fault := _identity_fault(state, book, command)) is not None:
        return fault
    if command.limit_price is not None and not _is_market(command) and not book.allows(command.limit_price):
        return ReasonCode.PRICE_BAND
    if (fault := _phase_fault(state, book, command)) is not None or command.time_in_force in AUCTIONS:
        return fault
    if order.instructions is not None and (fault := _instruction_fault(state, book, order)) is not None:
        return fault
    if (
        command.time_in_force is TimeInForce.FOK
        and command.order_type not in WAITING
        and reachable(state, book, order) < order.quantity
    ):
        return ReasonCode.FOK_UNFILLABLE
    return None


def _identity_fault(state: State, book: Book, command: EnterOrder) -> ReasonCode | None:
    order_id = command.order_id
    if (
        order_id in book.orders or order_id in book.stops or book.gathered(order_id)
    ):  # its own account knows what it sent
        return ReasonCode.DUPLICATE_ORDER_ID
    if book.has_expired(state.now):
        return ReasonCode.INSTRUMENT_EXPIRED
    return ReasonCode.OCO if command.held_by and not _holds(book, command) else None


def _holds(book: Book, command: EnterOrder) -> bool:
    """Whether the order that holds funds for this one is there as its account knew it."""
    holder = book.find(command.held_by)
    if holder is None or holder.quantity - holder.leaves != command.held_by_filled:
        return False
    asked = holder.instructions
    has_ended_group = asked is not None and asked.ends_group_at_trigger and holder.order_id in book.orders
    return not has_ended_group


def _phase_fault(state: State, book: Book, command: EnterOrder) -> ReasonCode | None:
    if command.time_in_force in AUCTIONS:
        return auction_orders.fault(state, book, command)
    if book.phase is TradingPhase.CONTINUOUS:
        return None
    if book.phase in SHUT:
        return SHUT[book.phase]
    is_at_once = command.order_type is OrderType.MARKET or command.time_in_force in AT_ONCE
    return ReasonCode.NOT_IN_AUCTION if is_at_once and command.order_type not in WAITING else None


def _instruction_fault(state: State, book: Book, order: RestingOrder) -> ReasonCode | None:
    instructions = order.instructions
    assert instructions is not None
    if instructions.is_post_only and book.phase is TradingPhase.CONTINUOUS and meets(book, order):
        return ReasonCode.POST_ONLY_WOULD_CROSS
    is_late = instructions.time_in_force is TimeInForce.GTD and instructions.expires_at <= state.now
    return ReasonCode.EXPIRE_IN_PAST if is_late else None


def _is_market(command: EnterOrder) -> bool:
    """Whether its limit is only what its account holds funds for."""
    return stops.is_market(command.order_type)


def reason_not_to_rest(order_type: OrderType, time_in_force: TimeInForce) -> ReasonCode | None:
    """Why what such an order does not trade at once is cancelled; None where it rests."""
    if stops.is_market(order_type):
        return ReasonCode.MARKET_REMAINDER
    return ReasonCode.IOC_REMAINDER if time_in_force in AT_ONCE else None


def _arm(book: Book, command: EnterOrder, order: RestingOrder) -> Iterator[Event]:
    stop = StopOrder(
        order, command.order_type, command.time_in_force, command.stop_price, command.trail, book.sequence + 1
    )
    if stop.trail is not None:
        stop = msgspec.structs.replace(stop, stop_price=stops.stop_price_of(stop, book.last))
    yield StopArmed(stop)
    yield OrderArmed(order.order_id, order.account_id, order.symbol, book.sequence + 1)


def act(
    state: State, book: Book, order: RestingOrder, reason: ReasonCode | None, *, is_new: bool = False
) -> Iterator[Event]:
    """The order trades what it can; then it rests, or what is left of it is cancelled for that reason."""
    if book.phase is TradingPhase.CONTINUOUS and meets(book, order):
        if book.quote is not None:
            order = yield from simulated_venue.take(state, book, book.quote, order)
        else:
            order = yield from match(state, book, order)
            if can_go_on(book, order):
                yield from pause(order, reason)
                return
            book.sharing = None
        if not order.leaves and order.money is None:
            return
    if order.money is not None:
        yield cancelled(book, order, 0, _end_of_money(book, order))
    elif reason is not None:
        yield cancelled(book, order, order.leaves, reason)
    else:
        priority = book.sequence + 1
        order = with_slice(order, priority)
        if is_new and order.leaves == order.quantity:
            yield Rested(order)
        else:
            yield Booked(order)


def meets(book: Book, order: RestingOrder) -> bool:
    """Whether there is somebody with whom the order would trade."""
    if book.quote is not None:
        return simulated_venue.meets(book.quote, order)
    if order.side is Side.BUY:
        best = book.asks.best_price
        return best is not None and order.limit_price >= best
    best = book.bids.best_price
    return best is not None and order.limit_price <= best


def _end_of_money(book: Book, order: RestingOrder) -> ReasonCode:
    """It bought what its money pays, or as many units as it may, or there was nothing more to buy."""
    if order.money and not order.leaves:
        return ReasonCode.POSITION_LIMIT
    best = book.best_against(order.side)
    is_open = book.phase is TradingPhase.CONTINUOUS
    is_offered = is_open and best is not None and crosses(order.side, order.limit_price, best)
    is_spent = not order.money or (is_offered and order.leaves < order.quantity)
    return ReasonCode.MONEY_SPENT if is_spent else ReasonCode.MARKET_REMAINDER


def cascade(state: State, book: Book, symbol: str) -> Iterator[Event]:
    """Stops whose price has come act one after the other, and may set off others, until all is quiet.

    Where prices are from elsewhere, orders that rest and that they touch trade first.
    """
    if book.quote is not None and book.phase is TradingPhase.CONTINUOUS:
        are_done = yield from simulated_venue.fill_touched(state, book)
        if not are_done:
            yield from pause(None, None, symbol)
            return
    while book.stops and not state.is_paused(symbol):  # else the order before has not ended
        are_all = yield from stops.follow(state, book)
        if are_all and book.phase is not TradingPhase.CONTINUOUS:
            return
        if are_all:
            are_all = yield from stops.elect(state, book)
        if are_all and not book.elected:
            return
        if not (are_all and state.steps_left):
            yield from pause(None, None, symbol)
            return
        state.steps_left -= 1
        yield from fire(state, book, next(iter(book.elected.values())))


def fire(state: State, book: Book, stop: StopOrder) -> Iterator[Event]:
    """The stop becomes an order like any other."""
    order = stop.order
    yield OrderTriggered(order.order_id, order.account_id, order.symbol, book.sequence + 1)
    if order.instructions is not None and order.instructions.ends_group_at_trigger:
        yield from cancel_siblings(book, order)
    if stop.time_in_force is TimeInForce.FOK and reachable(state, book, order) < order.quantity:
        yield cancelled(book, order, order.leaves, ReasonCode.FOK_UNFILLABLE)
        return
    yield from act(state, book, order, reason_not_to_rest(stop.order_type, stop.time_in_force))


def pause(order: RestingOrder | None, reason: ReasonCode | None, symbol: str = "") -> Iterator[Event]:
    """The shard takes other books' commands before it goes on, in a record that it sends to itself."""
    symbol = symbol if order is None else order.symbol
    yield Paused(symbol, order, reason)


def _refused(command: EnterOrder, sequence: int, reason: ReasonCode) -> OrderCancelled:
    quantity = command.quantity if command.spend is None else 0
    return OrderCancelled(command.order_id, command.account_id, command.symbol, quantity, reason, sequence)
