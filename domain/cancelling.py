"""All open orders of an account at once: on request, when its timer has run out, when its connection is gone.

Its books take them out, each all that it has: one message a book, however many orders there are. What is in the market
at the moment of the decision goes; an order that is placed a moment later stays, for its number is higher. Exits whose
entry was there go, too, even where its fill is on its way (domain/cancel_marks.py).

The timer is a dead man's switch: whoever trades sets it again and again, and when he does so no more, his orders go.
"""

from collections.abc import Iterable, Iterator

from domain import cancel_marks, desk_exposures
from domain.account_rows import Event, State
from domain.instruments import Instrument
from domain.ledger import answer
from domain.money import NUMBERS_PER_COUNT
from domain.risk_rows import EVERYBODY
from domain.timers import TimerSet
from schemas.accounts import CancelOpenOrders, SetCancelTimer
from schemas.enums import ReasonCode, Side
from schemas.order_books import CancelAllOrders
from schemas.shared import Tick

BOOKS_PER_RECORD_MAX = 250
"""What there is beyond, the shard goes on with in another record."""
TIMERS_PER_RECORD_MAX = 8
"""Each may have to tell 250 books."""
TIMEOUT_NS_MAX = 86_400 * 10**9
"""A day."""


def cancel_open_orders(state: State, command: CancelOpenOrders) -> Iterator[Event]:
    """Asks every book in which the account may have orders to take them out; the books say what becomes of each.

    An order that works has funds reserved, for itself or by another one of its group: so an account with nothing
    reserved has none, and one with reserves has them in instruments of these assets. What is open on margin is counted.
    """
    newest = command.order_number_max or state.shard_row().orders * NUMBERS_PER_COUNT + state.partition
    if not command.order_number_max:
        yield cancel_marks.marked(command, newest)
    symbols = [symbol for symbol in _symbols(state, command) if symbol > command.after_symbol]
    for symbol in symbols[:BOOKS_PER_RECORD_MAX]:
        yield CancelAllOrders(
            symbol, command.account_id, command.side, reason_code=command.reason_code, order_number_max=newest
        )
    if len(symbols) > BOOKS_PER_RECORD_MAX:
        yield CancelOpenOrders(
            command.account_id,
            command.symbol,
            command.side,
            command.reason_code,
            symbols[BOOKS_PER_RECORD_MAX - 1],
            newest,
        )


def _symbols(state: State, command: CancelOpenOrders) -> Iterable[str]:
    """Where the account may have orders, in order."""
    if command.account_id == EVERYBODY:
        is_empty = not state.shard_row().orders  # then there is no number, either, that bounds them
        return () if is_empty else _all_symbols(state, command)
    reserved: dict[str, bool] = {}

    def has_reserved(asset: str) -> bool:
        if asset not in reserved:
            reserved[asset] = state.balance(command.account_id, asset).reserved > 0
        return reserved[asset]

    def may_be_in(instrument: Instrument) -> bool:
        if state.risk.exposures.get(f"{command.account_id}|{instrument.symbol}") is not None:
            return True
        buys = command.side is not Side.SELL and has_reserved(instrument.quote)
        return buys or (command.side is not Side.BUY and has_reserved(instrument.base))

    named = ((symbol, state.instruments.get(symbol)) for symbol in _all_symbols(state, command))
    return [symbol for symbol, instrument in named if instrument is not None and may_be_in(instrument)]


def _all_symbols(state: State, command: CancelOpenOrders) -> list[str]:
    return [command.symbol] if command.symbol else [symbol for symbol, _ in state.instruments.scan()]


def cancel_all(state: State, command: CancelOpenOrders) -> Iterator[Event]:
    """Somebody asks for it, or the shard goes on with it. The same once more changes nothing."""
    if not command.after_symbol:
        if state.outcomes.get(command.command_id) is not None:
            return
        reason = _fault(state, command)
        yield from answer(state, command.command_id, "", reason)
        if reason is not None:
            return
    yield from cancel_open_orders(state, command)


def _fault(state: State, command: CancelOpenOrders) -> ReasonCode | None:
    if command.account_id != EVERYBODY and state.accounts.get(command.account_id) is None:
        return ReasonCode.UNKNOWN_ACCOUNT
    is_known = not command.symbol or state.instruments.get(command.symbol) is not None
    return None if is_known else ReasonCode.UNKNOWN_SYMBOL


def set_timer(state: State, command: SetCancelTimer) -> Iterator[Event]:
    """The account's orders go when so much time has gone by. One that has run out does its work first."""
    if state.outcomes.get(command.command_id) is not None:
        return
    reason = ReasonCode.UNKNOWN_ACCOUNT if state.accounts.get(command.account_id) is None else None
    if not 0 <= command.timeout_ns <= TIMEOUT_NS_MAX:
        reason = ReasonCode.TOO_LARGE
    if reason is None:
        due_at = state.timers.at(command.account_id)
        if due_at is not None and due_at <= state.now:
            yield from _run_out(state, command.account_id)
        yield TimerSet(command.account_id, state.now + command.timeout_ns if command.timeout_ns else 0)
    yield from answer(state, command.command_id, "", reason)


def ring(state: State) -> Iterator[Event]:
    """Timers that have run out, the first first; the shard tells itself the time for those that are too many."""
    for _ in range(TIMERS_PER_RECORD_MAX):
        first = state.timers.first()
        if first is None or first[0] > state.now:
            return
        yield from desk_exposures.report(state) if first[1] == desk_exposures.TIMER else _run_out(state, first[1])
    first = state.timers.first()
    if first is not None and first[0] <= state.now:
        yield Tick(is_manual=False)


def _run_out(state: State, account_id: str) -> Iterator[Event]:
    yield TimerSet(account_id, 0)
    yield from cancel_open_orders(state, CancelOpenOrders(account_id, reason_code=ReasonCode.CANCEL_TIMER))
