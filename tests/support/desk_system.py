"""A desk in a whole system: AAPL in dollars, margin accounts for a book and its clients, and terms."""

from typing import Any

from system import System


async def open_desk(system: System, *names: str, **terms: Any) -> None:
    instrument = {"symbol": "AAPL", "base": "AAPL", "quote": "USD", "tick": "0.01", "lot": "1"}
    await system.post("/api/v1/admin/instruments", instrument)
    for name in names:
        await system.deposit(name, "USD", "1")
        kind = {"account_id": name, "kind": "margin", "margin_asset": "USD"}
        await system.post("/api/v1/admin/account-kinds", kind, 200)
    await system.post("/api/v1/admin/auto-trader", terms)
