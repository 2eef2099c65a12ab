"""All open orders of an account at once: on request, when its timer has run out, when its connection is gone.

Its books take them out, each all that it has: one message a book, however many orders there are. What is in the market
at the moment of the decision goes; an order that is placed a moment later stays, for its number is higher.
"""

from collections.abc import Iterator

from domain.account_rows import Event, State
from domain.instruments import Instrument
from domain.ledger import answer
from domain.money import NUMBERS_PER_COUNT
from schemas.accounts import CancelOpenOrders
from schemas.enums import ReasonCode, Side
from schemas.order_books import CancelAllOrders

BOOKS_PER_RECORD_MAX = 250
"""What there is beyond, the shard goes on with in another record."""


def cancel_open_orders(state: State, command: CancelOpenOrders) -> Iterator[Event]:
    """Asks every book in which the account may have orders to take them out; the books say what becomes of each.

    An order that works has funds reserved, for itself or by another one of its group: so an account with nothing
    reserved has none, and one with reserves has them in instruments of these assets. What is open on margin is counted.
    """
    newest = command.order_number_max or state.shard_row().orders * NUMBERS_PER_COUNT + state.partition
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


def _symbols(state: State, command: CancelOpenOrders) -> Iterator[str]:
    """Where the account may have orders, in order."""
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

    if command.symbol:
        instrument = state.instruments.get(command.symbol)
        if instrument is not None and may_be_in(instrument):
            yield command.symbol
        return
    for symbol, instrument in state.instruments.scan():
        if may_be_in(instrument):
            yield symbol


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
    if state.accounts.get(command.account_id) is None:
        return ReasonCode.UNKNOWN_ACCOUNT
    is_known = not command.symbol or state.instruments.get(command.symbol) is not None
    return None if is_known else ReasonCode.UNKNOWN_SYMBOL
