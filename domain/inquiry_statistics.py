"""How a desk does: of inquiries that ended in a window, how many it won, by how much it missed, how fast it was.

Pure sums over rows of inquiries; whoever shows them brings the rows, the window and the prices of now.
"""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from domain.inquiry_rows import Inquiry
from domain.money import half_even
from schemas.enums import InquiryOutcome, InquiryReason, InquirySide, Side
from schemas.wire import NANOS

GROUPS: Mapping[str, Callable[[Inquiry], str]] = {
    "client": lambda inquiry: inquiry.client_id,
    "tier": lambda inquiry: inquiry.client_tier,
    "instrument": lambda inquiry: inquiry.instrument_id,
    "book": lambda inquiry: inquiry.book_id,
    "policy": lambda inquiry: inquiry.policy_id,
}
"""By what figures may be told apart."""
LOST = frozenset({InquiryOutcome.TRADED_AWAY, InquiryOutcome.TIED, InquiryOutcome.COVERED})


class Figures(msgspec.Struct):
    """Of one group, in nanos and nanoseconds."""

    inquiries: int = 0
    quoted: int = 0
    """To which the dealer named a price, or whose price it took."""
    done: int = 0
    lost: int = 0
    """That went to another dealer after a quote."""
    volume: int = 0
    """Units done."""
    value: int = 0
    """Quote units of them."""
    pnl: int = 0
    """What they are worth to the book at the prices of now, less what was agreed; of those with a price alone."""
    covers: int = 0
    cover_distance_sum: int = 0
    """By how much the other dealer's price was better, over those that told it."""
    responses: int = 0
    response_ns_sum: int = 0
    response_ns_max: int = 0
    looks: int = 0
    """Acceptances at which the dealer was allowed a last look."""
    look_rejects: int = 0
    """That it refused then."""
    look_ns_sum: int = 0
    look_ns_max: int = 0
    """For how long clients were held."""

    @property
    def hit_ratio(self) -> int | None:
        """Done, of those that were quoted; in billionths. None where nothing was."""
        return half_even(self.done * NANOS, self.quoted) if self.quoted else None

    @property
    def cover_distance(self) -> int | None:
        """On average; None where nobody told it."""
        sign = -1 if self.cover_distance_sum < 0 else 1
        return sign * half_even(abs(self.cover_distance_sum), self.covers) if self.covers else None

    @property
    def response_ns(self) -> int | None:
        """On average; None where the desk never answered."""
        return half_even(self.response_ns_sum, self.responses) if self.responses else None

    @property
    def look_reject_ratio(self) -> int | None:
        """Refused, of those that were looked at; in billionths. None where nothing was."""
        return half_even(self.look_rejects * NANOS, self.looks) if self.looks else None

    @property
    def look_ns(self) -> int | None:
        """On average; None where nothing was looked at."""
        return half_even(self.look_ns_sum, self.looks) if self.looks else None


def figures(
    inquiries: Iterable[Inquiry], by: Callable[[Inquiry], str], since: int, until: int, mids: Mapping[str, int]
) -> dict[str, Figures]:
    """Figures of each group, over what ended in [since, until), in order of the groups' names."""
    found: dict[str, Figures] = {}
    for inquiry in inquiries:
        if since <= inquiry.ended_at < until:
            _add(found.setdefault(by(inquiry), Figures()), inquiry, mids.get(inquiry.instrument_id))
    return dict(sorted(found.items()))


def _add(sums: Figures, inquiry: Inquiry, mid: int | None) -> None:
    is_done = inquiry.outcome is InquiryOutcome.DONE
    sums.inquiries += 1
    sums.quoted += bool(is_done or inquiry.quote_id)
    sums.lost += inquiry.outcome in LOST
    if inquiry.quoted_at:
        response_ns = inquiry.quoted_at - inquiry.received_at
        sums.responses += 1
        sums.response_ns_sum += response_ns
        sums.response_ns_max = max(sums.response_ns_max, response_ns)
    if inquiry.look_until:
        look_ns = inquiry.ended_at - inquiry.accepted_at
        sums.looks += 1
        sums.look_rejects += inquiry.reason_code is InquiryReason.LAST_LOOK
        sums.look_ns_sum += look_ns
        sums.look_ns_max = max(sums.look_ns_max, look_ns)
    distance = cover_distance(inquiry)
    if distance is not None:
        sums.covers += 1
        sums.cover_distance_sum += distance
    if is_done and inquiry.trade_price is not None:
        units = inquiry.quantity if inquiry.quote_qty is None else inquiry.quote_qty
        sums.done += 1
        sums.volume += units
        sums.value += units * inquiry.trade_price // NANOS
        if mid is not None:
            sums.pnl += (inquiry.trade_price - mid) * (1 if book_sold(inquiry) else -1) * units // NANOS


def book_sold(inquiry: Inquiry) -> bool:
    """Whether the book was the seller."""
    return inquiry.client_side is InquirySide.BUY or (
        inquiry.client_side is InquirySide.TWO_WAY and inquiry.counter_side is Side.BUY
    )


def cover_distance(inquiry: Inquiry) -> int | None:
    """By how much the price of the dealer who won was better than ours: above zero, where it was."""
    cover = inquiry.cover_price
    if cover is None:
        return None
    if inquiry.ask_price is not None and inquiry.client_side is InquirySide.BUY:
        return inquiry.ask_price - cover
    if inquiry.bid_price is not None and inquiry.client_side is InquirySide.SELL:
        return cover - inquiry.bid_price
    return None
