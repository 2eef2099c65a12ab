"""What margin accounts have paid in trades, as the desk hears of it: those that changed, twice a second (D22).

The desk asks nobody before it deals: it looks at what was sent last, and adds what it has booked itself since. So that
it knows which of its bookings are in, each report says how far they were counted.
"""

from collections.abc import Iterator

from domain import exposures
from domain.account_rows import Event, Filled, State
from domain.money import NUMBERS_PER_COUNT
from domain.risk_rows import BookingCounted
from domain.timers import TimerSet
from schemas.accounts import AccountExposure, BookingsCounted, ExposuresReported
from schemas.enums import Side
from schemas.inquiries import InquiryBooked
from schemas.wire import NANOS

TIMER = "@desk"
"""No account is called so."""
PERIOD_NS = NANOS // 2
"""Half of the second that an exposure may be old: the other half is for the way."""
ACCOUNTS_PER_RECORD_MAX = 500


def booking_of(command: InquiryBooked) -> BookingCounted:
    """Which one it is: trades of the desk are numbered so."""
    count, rest = divmod(int(command.trade_id), NUMBERS_PER_COUNT)
    return BookingCounted(str(rest - NUMBERS_PER_COUNT // 2), count)


def watch(state: State, event: Filled) -> None:
    """What is remembered of a trade of an account for which something was laid down."""
    order, fill, risk = event.order, event.fill, state.risk
    if order.account_id in risk.tracked:
        exposures.remember(state, order.account_id, order.quote)
        exposures.remember(state, order.account_id, order.base)
    if order.account_id in risk.margin_accounts:
        paid = fill.value if order.side is Side.BUY else -fill.value
        follow(state, order.account_id, order.quote, paid + fill.fee)


def follow(state: State, account_id: str, asset: str, paid: int) -> None:
    """A margin account paid so much in a trade, or received it: the desk hears of it soon."""
    risk = state.risk
    if asset != risk.of(account_id).margin_asset:
        return
    risk.net_paid.put(account_id, (risk.net_paid.get(account_id) or 0) + paid)
    risk.unreported.put(account_id, 1)
    if state.timers.at(TIMER) is None:
        state.timers.set(TIMER, state.now + PERIOD_NS)


def count(state: State, event: BookingCounted) -> None:
    """Remembers how far bookings of a shard of the desk are in."""
    state.risk.bookings.put(event.desk_shard, event.count)


def report(state: State) -> Iterator[Event]:
    """Tells the desk what changed; those that are too many for a record come with the next one."""
    names = sorted(name for name, _ in state.risk.unreported.scan())
    some = names[:ACCOUNTS_PER_RECORD_MAX]
    yield TimerSet(TIMER, state.now if len(some) < len(names) else 0)
    counted = sorted((int(shard), number) for shard, number in state.risk.bookings.scan())
    exposures = tuple(AccountExposure(name, state.risk.net_paid.get(name) or 0) for name in some)
    yield ExposuresReported(exposures, tuple(BookingsCounted(*each) for each in counted))


def reported(state: State, event: ExposuresReported) -> None:
    """The desk was told."""
    for exposure in event.exposures:
        state.risk.unreported.delete(exposure.account_id)
