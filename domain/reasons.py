"""Why orders are refused or end: for people, and what each reason of a book means for an order."""

from domain.order_life import Step
from domain.risk_rows import RISK_REASON_TEXTS
from schemas.enums import ReasonCode

REASON_TEXTS = {
    ReasonCode.BUYING_POWER: "Insufficient funds",
    ReasonCode.NO_REFERENCE_PRICE: "No price to hold funds at: nobody offers the instrument",
    ReasonCode.RESET_IN_PROGRESS: "The system is being reset",
    ReasonCode.DUPLICATE_ORDER_ID: "The order id was used before",
    ReasonCode.REQUESTED: "Cancelled on request",
    ReasonCode.IOC_REMAINDER: "Immediate or cancel: the rest found no counterparty",
    ReasonCode.FOK_UNFILLABLE: "Fill or kill: not enough to fill all of it",
    ReasonCode.MARKET_REMAINDER: "Market order: the rest found no counterparty within its price",
    ReasonCode.RESET: "Cancelled by a reset",
    ReasonCode.PRICE_BAND: "The limit lies outside of the price band",
    ReasonCode.HALTED: "Trading is halted",
    ReasonCode.MARKET_CLOSED: "The market is closed",
    ReasonCode.NOT_IN_AUCTION: "Market, IOC and FOK orders are not taken in an auction",
    ReasonCode.NO_AUCTION: "The instrument has no such auction",
    ReasonCode.AUCTION_MISSED: "Its auction has been held: the next one is of another session",
    ReasonCode.AUCTION_REMAINDER: "For one auction alone: the rest found no counterparty in it",
    ReasonCode.POST_ONLY_WOULD_CROSS: "Post-only: it would trade at once",
    ReasonCode.EXPIRE_IN_PAST: "Its expiry has passed",
    ReasonCode.EXPIRED: "Its time is over",
    ReasonCode.OCO: "Another order of its group traded",
    ReasonCode.MASS_CANCEL: "Cancelled with all orders",
    ReasonCode.CANCEL_TIMER: "The account's cancel timer ran out",
    ReasonCode.DISCONNECTED: "The account's connection was lost",
    ReasonCode.SELF_TRADE_PREVENTION: "It would have traded with the same account",
    ReasonCode.QUANTITY_LIMIT: "More units than one order may have",
    ReasonCode.NOTIONAL_LIMIT: "Worth more than one order may be",
    ReasonCode.MONEY_SPENT: "Its money is spent",
    ReasonCode.INSTRUMENT_EXPIRED: "The instrument has ended",
    ReasonCode.VENUE_UNAVAILABLE: "Nothing speaks to the venue where the instrument trades",
    **RISK_REASON_TEXTS,
    ReasonCode.ALREADY_TRIGGERED: "It is triggered: there is no stop price to change",
    ReasonCode.PARENT_ENDED: "The order with which it was placed ended without a fill",
    ReasonCode.TOO_LATE: "Too late: it has ended, or the book has it no longer",
    ReasonCode.UNKNOWN_ORDER: "There is no such order",
}
BOOK_REFUSALS = frozenset(
    {
        ReasonCode.UNKNOWN_SYMBOL,
        ReasonCode.DUPLICATE_ORDER_ID,
        ReasonCode.PRICE_BAND,
        ReasonCode.HALTED,
        ReasonCode.MARKET_CLOSED,
        ReasonCode.NOT_IN_AUCTION,
        ReasonCode.NO_AUCTION,
        ReasonCode.AUCTION_MISSED,
        ReasonCode.POST_ONLY_WOULD_CROSS,
        ReasonCode.EXPIRE_IN_PAST,
        ReasonCode.INSTRUMENT_EXPIRED,
    }
)
"""Reasons of a book that make an order REJECTED, not CANCELLED: it never worked (D7)."""
ENDS = dict.fromkeys(BOOK_REFUSALS, Step.REJECTED) | {
    ReasonCode.EXPIRED: Step.EXPIRED,
    ReasonCode.AUCTION_REMAINDER: Step.EXPIRED,
    ReasonCode.MONEY_SPENT: Step.SPENT,
}
"""What it means for an order that it left its book for that reason; CANCELLED for any other (D8)."""
INVALID = "Invalid order parameters"
"""What the validation step says, whatever the code beside it is."""


def reason_text(reason: ReasonCode) -> str:
    """The reason for people."""
    return REASON_TEXTS.get(reason, INVALID)
