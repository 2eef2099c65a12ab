"""Names and units of each source, and their numbers as whole nanos."""

import tomllib
from collections import Counter
from decimal import Decimal, DecimalException
from pathlib import Path
from typing import Any

import msgspec

from app.feeds.frames import Fault, FaultCode
from domain.money import AMOUNT_MAX
from domain.names import is_name
from schemas.wire import NANOS

FILE = Path(__file__).with_name("symbols.toml")
DIGITS = 9
ONE = Decimal(1)
SYMBOL_LENGTH_MAX = 21
"""Of options by OCC's rules: with it the ids of events are short enough."""
PLAIN_MAX, NOT_PLAIN = 1 << 16, -1
SYMBOLS_MAX = 10_000
"""Of one source: more are no market but a mistake."""


class SourcesError(Exception):
    """The file of sources says what cannot be. The message names it."""


class Listing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One instrument of a source that is named or counted otherwise."""

    symbol: str
    price_unit: Decimal | None = None
    quantity_unit: Decimal | None = None

    def __post_init__(self) -> None:
        _check_positive(self.price_unit, self.quantity_unit)


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One source."""

    parted_by: str = ""
    assets: dict[str, str] = {}
    price_unit: Decimal = ONE
    quantity_unit: Decimal = ONE
    band: Decimal = Decimal("0.10")
    symbols: dict[str, Listing] = {}

    def __post_init__(self) -> None:
        _check_positive(self.price_unit, self.quantity_unit, self.band)


def _check_positive(*numbers: Decimal | None) -> None:
    if not all(number is None or (number.is_finite() and number > 0) for number in numbers):
        raise ValueError("units and band are more than zero")


def read(path: Path = FILE) -> dict[str, Source]:
    """All sources by name. Raises SourcesError."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text()), dict[str, Source], strict=False)
    except (ValueError, OSError) as error:
        raise SourcesError(f"{path}: {error}") from error


class Plain(dict[str, int]):
    """Plain decimals as nanos: markets repeat themselves. Begins anew when it has grown to its bound."""

    def __missing__(self, text: str) -> int:
        """The number, -1 for what is not plain: no digits with one point, or finer than a nano, or too large."""
        whole, _, part = text.partition(".")
        digits = whole + part
        if len(part) > DIGITS or not (digits.isdigit() and digits.isascii()):
            return NOT_PLAIN
        found = int(digits + "0" * (DIGITS - len(part)))
        if found > AMOUNT_MAX:
            return NOT_PLAIN
        if len(self) >= PLAIN_MAX:
            self.clear()
        self[text] = found
        return found


_plain = Plain()


class Terms:
    """One instrument of a source: its symbol here, and numbers in its units as nanos."""

    __slots__ = ("_flags", "_price_unit", "_quantity_unit", "symbol")

    def __init__(self, symbol: str, price_unit: Decimal, quantity_unit: Decimal, flags: Counter[str]) -> None:
        self.symbol = symbol
        self._price_unit, self._quantity_unit, self._flags = price_unit, quantity_unit, flags

    def price(self, text: str | Decimal) -> int:
        """A price. Raises Fault."""
        return self._nanos(text, self._price_unit)

    def quantity(self, text: str | Decimal) -> int:
        """A quantity. Raises Fault."""
        return self._nanos(text, self._quantity_unit)

    def levels(self, levels: Any) -> list[tuple[int, int]]:
        """Prices and quantities; what else stands in a level is passed over. Raises Fault."""
        return [(self.price(level[0]), self.quantity(level[1])) for level in levels]

    def _nanos(self, text: str | Decimal, unit: Decimal) -> int:
        if unit is ONE and type(text) is str:
            found = _plain[text]
            if found != NOT_PLAIN:
                return found
        return self._rounded(text, unit)

    def _rounded(self, text: str | Decimal, unit: Decimal) -> int:
        """Whatever is finer than a nano is rounded, half to the even one, and counted (D13)."""
        try:
            scaled = Decimal(text) * unit * NANOS
            if not (scaled.is_finite() and 0 <= scaled <= AMOUNT_MAX):
                raise Fault(FaultCode.BAD_NUMBER, f"{text!r} is no price or quantity")
            found = int(scaled.to_integral_value())
        except DecimalException as error:
            raise Fault(FaultCode.BAD_NUMBER, f"{text!r} is no number") from error
        if found != scaled:
            self._flags["rounded"] += 1
        return found


class Symbols:
    """The instruments of one source."""

    def __init__(self, source: Source, flags: Counter[str]) -> None:
        self._source, self._flags = source, flags
        self._known: dict[str, Terms] = {}

    def __getitem__(self, name: str) -> Terms:
        """By the name that the source gives. Raises Fault."""
        found = self._known.get(name)
        return self._learn(name) if found is None else found

    def _learn(self, name: str) -> Terms:
        source, listing = self._source, self._source.symbols.get(name)
        symbol = self._canonical(name) if listing is None else listing.symbol
        if not is_name(symbol) or len(symbol) > SYMBOL_LENGTH_MAX or len(self._known) >= SYMBOLS_MAX:
            raise Fault(FaultCode.BAD_NAME, f"symbol {name[:100]!r}")
        price_unit = (listing and listing.price_unit) or source.price_unit
        quantity_unit = (listing and listing.quantity_unit) or source.quantity_unit
        found = self._known[name] = Terms(symbol, price_unit, quantity_unit, self._flags)
        return found

    def _canonical(self, name: str) -> str:
        source, parts = self._source, [name.upper()]
        if source.parted_by:
            parts = parts[0].split(source.parted_by)
        return "".join(source.assets.get(part, part) for part in parts)
