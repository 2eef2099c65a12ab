"""P5: five levels of price a side, once a second, whether something changed or not."""

import itertools
import json
import time
from decimal import Decimal
from typing import Any

import pytest
from system import PATIENCE_S, System

BIDS = [("100.0", 10), ("99.9", 5), ("99.9", 5), ("99.8", 1), ("99.7", 2), ("99.6", 3), ("99.5", 4)]
ASKS = [("100.1", 7), ("100.2", 8)]


@pytest.mark.alone
async def test_ten_seconds_of_snapshots(system: System) -> None:
    placed: list[Any] = []
    for side, levels in (("bid", BIDS), ("ask", ASKS)):
        for price, quantity in levels:
            placed.append(await system.post("/orders", {"quantity": quantity, "price": price, "side": side}))
    for order in placed:
        await system.status(order["order_id"], "OPEN")
    arrivals, frames = [], []
    connected = time.monotonic()
    async with system.http.ws_connect(f"{system.base}/order_book_snapshot") as socket:
        while time.monotonic() < connected + 10:
            frames.append(json.loads((await socket.receive(timeout=PATIENCE_S)).data, parse_float=Decimal))
            arrivals.append(time.monotonic())
        assert arrivals[0] - connected <= 1.1
        assert 9 <= len(frames) <= 11
        gaps = [after - before for before, after in itertools.pairwise(arrivals)]
        assert all(0.9 <= gap <= 1.1 for gap in gaps), gaps
        for frame in frames:
            assert frame["bids"] == [
                [100, 10],
                [Decimal("99.9"), 10],
                [Decimal("99.8"), 1],
                [Decimal("99.7"), 2],
                [Decimal("99.6"), 3],
            ]
            assert frame["asks"] == [[Decimal("100.1"), 7], [Decimal("100.2"), 8]]
        assert (await system.ask("DELETE", f"/orders/{placed[1]['id']}"))[0] == 200
        frame = json.loads((await socket.receive(timeout=PATIENCE_S)).data, parse_float=Decimal)
        assert frame["bids"][1] == [Decimal("99.9"), 5]
