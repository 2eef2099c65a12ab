"""What a pack of market data changes fits into a record of a changelog, however much is remembered of what it is about.

A shard that cannot write what a record changes stops for good.
"""

from collections.abc import Iterable
from typing import Any

from venues import ByteShard

from app.codecs import Codec
from app.exactly_once.log import Message as Sent
from app.exactly_once.shard import CHANGES_BYTES_MAX
from app.registry import FileRegistry
from domain.alerts import ALERTS_MAX
from domain.feeds import MARKETS_MAX, PACKED_MAX
from domain.money import AMOUNT_MAX
from domain.names import NAME_LENGTH_MAX
from domain.observations import Printed, Quoted, packed
from domain.repetitions import IDS_MAX, PAGE_RANGES, RANGES_MAX
from schemas.enums import Comparison
from schemas.market_data import RecordObservations, SetAlert
from schemas.wire import NANOS, Message

SYMBOLS = [f"{number:X>{NAME_LENGTH_MAX}}" for number in range(MARKETS_MAX)]
EXCHANGE = "E" * NAME_LENGTH_MAX
LATE = PACKED_MAX // MARKETS_MAX // 2
"""Late numbers of each instrument in one pack, of trades and of quotes: each in a page of its own."""
GAP = 10
"""Between two numbers: each is a range of its own."""
FIRST_NUMBER = 1 << 62
BEGIN = 1_800_000_000 * NANOS


def trade(symbol: str, number: int, at: int) -> Printed:
    return Printed(symbol, EXCHANGE, at, AMOUNT_MAX, AMOUNT_MAX, 1, number, "T" * NAME_LENGTH_MAX, True, True, "")


def quote(symbol: str, number: int, at: int, event_id: str = "") -> Quoted:
    prices = (AMOUNT_MAX, AMOUNT_MAX, AMOUNT_MAX, AMOUNT_MAX, AMOUNT_MAX, AMOUNT_MAX)
    return Quoted(symbol, EXCHANGE, at, *prices, number, event_id)


def take(shard: ByteShard, command: Message) -> int:
    """-> how many bytes it changes."""
    shard.append(Sent(b"", shard.codec.encode(command), []), 0)
    shard.take(1)
    shard.commit()
    return sum(len(key) + len(row or b"") for rows in shard.taken.changes.values() for key, row in rows.items())


def pack_of(observations: Iterable[Any]) -> RecordObservations:
    each = tuple(observations)
    return RecordObservations(each[0].symbol, packed(each), len(each), BEGIN, timestamp=BEGIN)


def alert(number: int) -> SetAlert:
    """Triggered by the next price."""
    symbol = SYMBOLS[number % MARKETS_MAX]
    user_id, name = (f"{each:U>{NAME_LENGTH_MAX}}" for each in (number // 1_000, number))
    return SetAlert(name, user_id, symbol, "price", Comparison.ABOVE, AMOUNT_MAX - 1, timestamp=BEGIN)


def test_a_pack_about_the_most_of_which_the_most_is_remembered_fits_into_a_record_of_a_changelog() -> None:
    shard = ByteShard("market_data", 0, Codec(FileRegistry()))
    numbers = range(FIRST_NUMBER, FIRST_NUMBER + GAP * (RANGES_MAX + (LATE + 1) * PAGE_RANGES), GAP)
    for begin in range(0, len(numbers), LATE):
        part = numbers[begin : begin + LATE]
        take(
            shard, pack_of(make(each, number, BEGIN) for each in SYMBOLS for number in part for make in (trade, quote))
        )
    for number in range(IDS_MAX):
        name = f"{number:I>{NAME_LENGTH_MAX}}"
        take(shard, pack_of(quote(symbol, 0, BEGIN, name) for symbol in SYMBOLS))
    for number in range(ALERTS_MAX):
        take(shard, alert(number))
    late = [FIRST_NUMBER + GAP * PAGE_RANGES * page + GAP // 2 for page in range(LATE)]
    last, at = [*late, numbers.stop], BEGIN + 86_400 * NANOS
    pack = [make(symbol, each, at) for symbol in SYMBOLS for each in last for make in (trade, quote)]
    weight = take(shard, pack_of(pack))
    changes = shard.taken.changes
    assert len(pack) >= PACKED_MAX
    assert len(changes["alerts"]) == ALERTS_MAX
    assert len(changes["memories"]) == 2 * MARKETS_MAX
    assert len(changes["pages"]) >= PACKED_MAX
    assert weight < CHANGES_BYTES_MAX
