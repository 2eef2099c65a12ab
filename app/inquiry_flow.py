"""Inquiries made up from a seed: the plain flow of the older inquiry system, or one that looks like a market's."""

import hashlib
from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

from app.codecs import Codec
from schemas.enums import InquirySide
from schemas.inquiry_commands import NewInquiry
from schemas.wire import NANOS

INSTRUMENTS = ("AAPL", "MSFT", "GOOG", "AMZN", "TSLA")
BOOKS = ("BOOK1", "BOOK2", "BOOK3")
CLIENTS = {"cpt1": "gold", "cpt2": "silver", "cpt3": "bronze"}
"""And the class of each."""
QUOTE = "USD"
CENT = NANOS // 100
LIFE_NS = 30 * NANOS
MIDDLES = dict(zip(INSTRUMENTS, (190, 420, 170, 180, 240), strict=True))
"""About what the instruments cost, in the flow that looks like a market's."""
SPREAD = 0.004
"""Standard deviation of a requested price from the middle, as part of it."""


class Sent(NamedTuple):
    """An inquiry, and when it is due after the first one."""

    after_ns: int
    inquiry: NewInquiry


def flow(seed: int, start_ns: int, rate: float, count: int, *, is_realistic: bool = False) -> Iterator[Sent]:
    """So many inquiries a second. The same seed and start give the same inquiries, to the byte."""
    rng = Random(seed)  # noqa: S311 - repeatable is what it must be
    after = 0.0
    for number in range(count):
        inquiry = _realistic(rng) if is_realistic else _plain(rng)
        after_ns = round(after * NANOS)
        name = f"gen-{seed}-{start_ns // NANOS}-{number}"
        inquiry |= {"sent_at": start_ns + after_ns, "expire_time": start_ns + after_ns + LIFE_NS}
        yield Sent(after_ns, NewInquiry(inquiry_id=name, source="generator", **inquiry))
        after += rng.expovariate(rate) if is_realistic else 1 / rate


def _plain(rng: Random) -> dict[str, Any]:
    """As the older system's generator draws: evenly, one instrument as often as another."""
    return {
        "client_id": rng.choice(list(CLIENTS)),
        "book_id": rng.choice(BOOKS),
        "instrument_id": rng.choice(INSTRUMENTS),
        "client_side": rng.choice((InquirySide.BUY, InquirySide.SELL)),
        "quantity": rng.randrange(100, 5_001, 100) * NANOS,
        "requested_price": rng.randrange(100, 10_000) * CENT,
    }


def _realistic(rng: Random) -> dict[str, Any]:
    """Most requests are small, some name no price, some no side; prices lie around the middle."""
    instrument = rng.choices(INSTRUMENTS, (40, 25, 15, 12, 8))[0]
    client = rng.choices(list(CLIENTS), (20, 30, 50))[0]
    side = rng.choices((InquirySide.BUY, InquirySide.SELL, InquirySide.TWO_WAY), (45, 40, 15))[0]
    price = round(MIDDLES[instrument] * (1 + rng.gauss(0, SPREAD)) * 100) * CENT
    return {
        "client_id": client,
        "client_tier": CLIENTS[client],
        "book_id": rng.choices(BOOKS, (50, 30, 20))[0],
        "instrument_id": instrument,
        "client_side": side,
        "quantity": min(100, max(1, round(rng.lognormvariate(1.2, 0.9)))) * 100 * NANOS,
        "requested_price": None if side is InquirySide.TWO_WAY or rng.random() < 0.4 else price,  # noqa: PLR2004
        "competition": rng.randint(1, 6),
    }


def digest(codec: Codec, inquiries: list[NewInquiry]) -> str:
    """Of all payloads, in order."""
    found = hashlib.sha256()
    for inquiry in inquiries:
        found.update(codec.encode(inquiry))
    return found.hexdigest()
