"""From trades of a market to the prices of the auto-trader, on a real Kafka: what everybody sees is what it used."""

import time
from decimal import Decimal
from typing import Any

from desk_reader import check_quote
from desk_system import open_desk
from outside import MARKET_DATA, MARKET_DATA_SCHEMA, price, send
from system import ROOT, System

from domain.desk_terms import DeskTerms
from domain.series import GRACE_NS
from schemas.inquiries import QuoteDecided
from schemas.wire import NANOS

TRADE_PRINT_SCHEMA = (ROOT / "schemas/feeds/TradePrint.avsc").read_text()
MINUTE = 60 * NANOS
CLOSES = [100, 101, 99, 103, 102, 102, 104, 103, 105, 107, 106, 108, 107, 109, 111, 110, 112]
TERMS = {"risk_aversion": "0.1", "volatility": "7", "signal_max": "5", "volatility_window_s": 300}
ASKED = {"client_id": "cpt1", "book_id": "BOOK1", "instrument_id": "AAPL", "qty": "100", "side": "two_way"}
BILLIONTH = Decimal("1e-9")


async def test_a_decision_shows_the_signal_and_the_volatility_that_the_indicators_show(fresh_system: System) -> None:
    system = fresh_system
    await open_desk(system, "BOOK1", "cpt1", **TERMS, ref_age_max_s="600")
    end = time.time_ns() // MINUTE * MINUTE
    shown = await indicators_after_trades(system, end)
    quote = price("AAPL", "111.90", "112.10", None, timestamp=end + GRACE_NS, exchange="XNAS")
    send(system, quote, door=MARKET_DATA, schema=MARKET_DATA_SCHEMA, by_record=True)
    known = await system.eventually(lambda: measured(system))
    assert (known["mid"], known["signal"]) == ("112", None)

    inquiry = await system.post("/api/v1/inquiries", ASKED)
    (record,) = [each for each in await system.records("inquiry-events") if each["_message"] == "QuoteDecided"]
    assert (inquiry["status"], record["action"], record["measured_at"]) == ("QUOTED", "QUOTE", end)
    assert abs(record["signal"] - (Decimal(shown["1m"]["ema_fast"]) - Decimal(shown["1m"]["ema_slow"]))) <= BILLIONTH
    assert record["signal"] > 1, "prices rose"
    volatility = 112 * Decimal(shown["5m"]["realized_volatility"])
    assert abs(record["volatility"] - volatility) <= 112 * BILLIONTH
    assert (record["ema_fast"], record["ema_slow"]) == (
        *(Decimal(known["measures"][name]) for name in ("ema_fast", "ema_slow")),
    )
    assert record["realized_volatility"] == Decimal(known["measures"]["realized_volatility"]["300"])
    check_prices(record)
    assert (Decimal(inquiry["bid_price"]), Decimal(inquiry["ask_price"])) == (record["bid_price"], record["ask_price"])
    await check_terms(system)


async def indicators_after_trades(system: System, end: int) -> dict[str, Any]:
    """A trade in the middle of each of the last minutes -> what is shown then, by length of bars."""
    trades = [
        {"symbol": "AAPL", "exchange": "XNAS", "price": Decimal(close), "quantity": Decimal(1), "sequence": number + 1}
        | {"timestamp": end + (number - len(CLOSES)) * MINUTE + MINUTE // 2}
        for number, close in enumerate(CLOSES)
    ]
    send(system, *trades, door=MARKET_DATA, schema=TRADE_PRINT_SCHEMA, key="AAPL", by_record=True)

    async def shown() -> Any:
        status, answer = await system.ask("GET", "/api/v1/analytics/AAPL")
        found = {each["interval"]: each for each in answer["intervals"]} if status == 200 else {}
        return found if found and found["1m"]["tick_sma"] == CLOSES[-1] else None

    found = await system.eventually(shown)
    assert isinstance(found, dict)
    return found


async def measured(system: System) -> Any:
    """What the desk knows, once it was told both of a price and of the minutes."""
    status, answer = await system.ask("GET", "/api/v1/admin/desk-prices/AAPL")
    return answer if status == 200 and answer["measures"] else None


def check_prices(record: dict[str, Any]) -> None:
    """Both prices, worked out anew from what an ordinary reader of the topic has."""
    nanos = {name: int(value * NANOS) for name, value in record.items() if isinstance(value, Decimal)}
    fields = {name: value for name, value in record.items() if not name.startswith("_")}
    found = QuoteDecided(**fields | nanos)
    terms = DeskTerms(volatility=7 * NANOS, signal_max=5 * NANOS, volatility_window_s=300)
    check_quote(found, terms, tick=NANOS // 100, position=0, quantity=100 * NANOS, tier="")


async def check_terms(system: System) -> None:
    """The window is shown; one that nobody measures is refused, with a code."""
    (shown,) = (await system.get("/api/v1/admin/auto-trader"))["terms"]
    assert (shown["volatility_window_s"], shown["signal_max"]) == (300, "5")
    for window, status, code in ((301, 422, "BAD_VALUE"), ("5m", 400, "BAD_TYPE"), (0.5, 400, "BAD_TYPE")):
        answer = await system.ask("POST", "/api/v1/admin/auto-trader", {"volatility_window_s": window})
        assert (answer[0], answer[1]["code"]) == (status, code), window
        assert "volatility_window_s" in answer[1]["detail"]
    assert (await system.ask("GET", "/api/v1/admin/desk-prices/IBM"))[1]["code"] == "UNKNOWN_SYMBOL"
