"""The page at `/` in a real browser: book, trades and ledger move while others trade."""

from pathlib import Path

import pytest
from browser import binary, browser
from system import System

pytestmark = pytest.mark.skipif(binary() is None, reason="no Chromium or Chrome on this machine")


async def test_a_visitor_sees_book_trades_and_the_ledger_check_move(system: System, tmp_path: Path) -> None:
    async with browser(tmp_path) as page:
        await page.open(system.base + "/")
        await page.until("status", "^live$")
        await page.until("symbol", "ADAUSDT")
        await page.value("document.querySelector('[data-testid=symbol]').value = 'ADAUSDT'")
        await page.until("imbalance", "exact, difference 0")

        await system.deposit("1", "USDT", "1000")
        await system.deposit("2", "ADA", "500")
        await page.until("ledger", r"ADA\s+500\s+0\s+0\s+500")
        await system.order("1", "ADAUSDT", "buy", "10", "1.9")
        await page.until("book", r"(?m)^10\s+1\.9")
        sell = await system.order("2", "ADAUSDT", "sell", "1", "1.9")
        await system.status(sell["order_id"], "FILLED")
        await page.until("trades", r"ADAUSDT\s+1\.9\s+1\b")
        await page.until("book", r"(?m)^9\s+1\.9")
        await page.until("last", r"last 1\.9")
        await page.until("ledger", r"USDT\s+1000\s+0\s+0\s+1000")
        await page.until("imbalance", "exact, difference 0")
        assert page.faults == []
