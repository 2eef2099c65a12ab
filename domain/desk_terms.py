"""How a book quotes: its terms, and the hash by which decisions name them."""

import hashlib

import msgspec

from domain.money import AMOUNT_MAX
from domain.names import is_name
from schemas.enums import DeskPolicy
from schemas.inquiries import SetDeskTerms, TierMarkup
from schemas.wire import NANOS

TIERS_MAX = 20
HOUR_NS = 3_600 * NANOS
HASH_LENGTH = 16
LAST_LOOK_NS_MAX = 10 * NANOS
"""No client waits for longer."""
VOLATILITY_WINDOWS_S = (300, 900, 3_600)
"""Windows whose realised volatility market data tells: 5 minutes, 15 minutes, an hour."""


class DeskTerms(msgspec.Struct, frozen=True, gc=False):
    """Terms of a book in an instrument. Prices and quantities in nanos; γ, κ and τ are in billionths, too."""

    risk_aversion: int = NANOS // 10
    """γ, per quote unit."""
    volatility: int = 2 * NANOS
    """σ over a unit of the horizon, in quote units, where the market does not say another."""
    arrival_decay: int = 3 * NANOS // 2
    """κ, per quote unit."""
    horizon: int = NANOS
    """τ: for how long a position is thought to be held, in units of the time that σ is for.

    Where `volatility_window_s` is set that unit is the window, whether σ was measured or is `volatility`: with 900 and
    a horizon of 2, positions are held for half an hour, and `volatility` is that of a quarter of an hour.
    """
    inventory_lot: int = 100 * NANOS
    """Units that count as one of q: Avellaneda and Stoikov's lot, not the instrument's."""
    signal_max: int = 0
    size_premium: int = 0
    typical_quantity: int = 100 * NANOS
    counter_band: int = NANOS // 2
    tiers: tuple[TierMarkup, ...] = ()
    is_auto: bool = True
    policy: DeskPolicy = DeskPolicy.INVENTORY
    quantity_max: int | None = None
    position_max: int | None = None
    credit_max: int | None = None
    exposure_max: int | None = None
    ref_age_max_ns: int = 2 * NANOS
    firm_ns: int = 10 * NANOS
    life_ns: int = 300 * NANOS
    last_look_ns: int = 0
    """For how long the dealer may look at what a client accepted; zero: not at all, as is usual."""
    last_look_tolerance: int | None = None
    """By how much the market may move meanwhile, up or down; None: by any amount."""
    volatility_window_s: int = 0
    """Window of market data from which σ is: the price times what it realised; zero: σ is `volatility`."""
    config_hash: str = "default"

    def markup_of(self, tier: str) -> int:
        """What clients of the class pay on top, on each side."""
        return next((each.markup for each in self.tiers if each.tier == tier), 0)


DEFAULT = DeskTerms()
"""Of books for which nothing was laid down."""
FIELDS = tuple(name for name in DeskTerms.__struct_fields__ if name != "config_hash")
_AMOUNTS = (
    *("volatility", "signal_max", "size_premium", "counter_band", "risk_aversion", "horizon"),
    *("last_look_ns", "last_look_tolerance"),
)
_POSITIVE = ("arrival_decay", "inventory_lot", "typical_quantity", "ref_age_max_ns", "firm_ns", "life_ns")
_LIMITS = ("quantity_max", "position_max", "credit_max", "exposure_max")


def terms_of(command: SetDeskTerms) -> DeskTerms:
    """The row of a command."""
    values = {name: getattr(command, name) for name in FIELDS}
    return DeskTerms(**values, config_hash=hash_of(values))


def hash_of(values: dict[str, object]) -> str:
    """Names terms by their content: the same on every machine."""
    text = msgspec.json.encode(values, order="deterministic")
    return hashlib.sha256(text).hexdigest()[:HASH_LENGTH]


def fault(command: SetDeskTerms) -> str | None:
    """What is wrong with terms, in words; None where nothing is."""
    if not all(name == "" or is_name(name) for name in (command.book_id, command.instrument_id)):
        return "book and instrument are names, or empty for all"
    if command.policy is DeskPolicy.UNKNOWN:
        return "policy is inventory, mock or parity"
    for name in (*_AMOUNTS, *_POSITIVE, *_LIMITS):
        value = getattr(command, name)
        if value is not None and not (0 if name in _AMOUNTS else 1) <= value <= AMOUNT_MAX:
            return f"{name} is out of range"
    return _time_fault(command) or _tiers_fault(command)


def _time_fault(command: SetDeskTerms) -> str | None:
    if command.volatility_window_s not in (0, *VOLATILITY_WINDOWS_S):
        return f"volatility_window_s is one of {', '.join(map(str, (0, *VOLATILITY_WINDOWS_S)))}"
    if max(command.ref_age_max_ns, command.firm_ns, command.life_ns) > HOUR_NS * 24 * 366:
        return "no clock runs for longer than a year"
    if command.last_look_ns > LAST_LOOK_NS_MAX:
        return f"a last look takes at most {LAST_LOOK_NS_MAX // NANOS} s"
    return None


def _tiers_fault(command: SetDeskTerms) -> str | None:
    names = [each.tier for each in command.tiers]
    if len(names) > TIERS_MAX or len(set(names)) < len(names) or not all(map(is_name, names)):
        return f"at most {TIERS_MAX} tiers, each with a name of its own"
    if not all(0 <= each.markup <= AMOUNT_MAX for each in command.tiers):
        return "a markup is at least zero"
    return None
