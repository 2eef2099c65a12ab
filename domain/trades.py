"""A trade as each of its two orders sees it, and as it is kept."""

import msgspec

from domain.instruments import Instrument
from domain.resting import RestingOrder
from schemas.enums import Liquidity, Side
from schemas.order_books import TradeExecuted

_BUY, _SELL, _MAKER, _TAKER = Side.BUY, Side.SELL, Liquidity.MAKER, Liquidity.TAKER
HOUSE = "@sim"
"""The other side of every trade at the venue SIM, and the id of its orders. A system account: it may owe."""
TRADES_KEPT_MAX = 20_000
"""Of one shard, for queries; all of them stay on the topic."""


class TradeRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A trade, for queries. A new one takes the place of the oldest: one write a trade, and no key beyond the bound."""

    trade_id: str
    symbol: str
    price: int
    quantity: int
    executed_at: int
    taker_side: Side
    buy_order_id: str
    sell_order_id: str
    buy_order_number: int
    sell_order_number: int
    buy_account_id: str
    sell_account_id: str


class Traded(msgspec.Struct, frozen=True, gc=False):
    """Two orders traded. Everybody is told."""

    row: TradeRow
    maker: RestingOrder
    """Both orders as they were before."""
    taker: RestingOrder
    maker_leaves: int
    """Units of each that are left."""
    taker_leaves: int
    value: int
    """Quote nanos, without fees."""
    maker_fee: int
    """Quote nanos that each is charged."""
    taker_fee: int
    maker_fee_accrued: int
    """Unrounded fees of each order so far."""
    taker_fee_accrued: int
    instrument: Instrument
    number: int
    """Of what happened in the book."""
    is_plain: bool = False
    """Nothing special goes on: no auction, no breaker, nothing hidden, nobody from elsewhere."""
    is_auction: bool = False


class Fill(msgspec.Struct, frozen=True, gc=False):
    """One side of a trade."""

    order_id: str
    account_id: str
    side: Side
    trade_id: str
    quantity: int
    price: int
    value: int
    """Quote nanos, without fees."""
    multiplier: int
    liquidity: Liquidity
    leaves_quantity: int
    """Units of the order that still work."""
    fee: int
    """Quote nanos that this fill costs in fees."""
    fee_accrued: int
    """Unrounded fees of the order so far."""


def fills_of(trade: TradeExecuted) -> tuple[Fill, Fill]:
    """Both sides, the one that rested first."""
    is_buyer_taker = trade.side is _BUY
    trade_id, quantity, price, value = trade.trade_id, trade.quantity, trade.price, trade.value
    buyer = Fill(
        trade.buy_order_id,
        trade.buy_account_id,
        _BUY,
        trade_id,
        quantity,
        price,
        value,
        trade.multiplier,
        _TAKER if is_buyer_taker else _MAKER,
        trade.buy_leaves_quantity,
        trade.buy_commission,
        trade.buy_fee_accrued,
    )
    seller = Fill(
        trade.sell_order_id,
        trade.sell_account_id,
        _SELL,
        trade_id,
        quantity,
        price,
        value,
        trade.multiplier,
        _MAKER if is_buyer_taker else _TAKER,
        trade.sell_leaves_quantity,
        trade.sell_commission,
        trade.sell_fee_accrued,
    )
    return (seller, buyer) if is_buyer_taker else (buyer, seller)
