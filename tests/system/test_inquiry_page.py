"""The page of inquiries: served with the others, and what its buttons send is what the desk takes."""

import re
from typing import Any

import aiohttp
from desk_system import open_desk
from node import needs_node, node
from system import System

SHOW = "const blotter = new page.Blotter(); for (const frame of given.frames) blotter.take(frame);"
KEY = {"client_id": "cpt1", "book_id": "BOOK1", "instrument_id": "AAPL", "qty": "100", "side": "buy"}


async def test_the_page_and_all_that_it_asks_for_are_served(system: System) -> None:
    async with system.http.get(f"{system.base}/dashboard/inquiries") as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
        page = await answer.text()
    files = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    assert len(files) == 3
    for file in files:
        assert (await system.ask("GET", file))[0] == 200


@needs_node
async def test_a_dealer_quotes_requotes_withdraws_passes_and_takes_over_from_the_page(system: System) -> None:
    await open_desk(system, "BOOK1", "cpt1", is_on=False)
    frames: list[Any] = []
    async with system.http.ws_connect(f"{system.base}/ws/inquiries") as socket:

        async def button(action: str, inquiry_id: str, **prices: str) -> Any:
            """Presses it, where the page lets one -> what the desk answers."""
            await _heard(socket, frames, inquiry_id, version[inquiry_id])
            given = {"frames": frames, "id": inquiry_id, "action": action, "prices": prices}
            body = SHOW + "const one = blotter.inquiries.get(given.id);"
            body += "return [page.actionsOf(one, 0), page.requestOf(given.action, one, given.prices)];"
            may, request = node("blotter.js", body, given)
            assert action in may
            found = await system.post(request["path"], request["body"], 200)
            version[inquiry_id] = found["version"]
            return found

        version: dict[str, int] = {}
        first, second = [await system.post("/api/v1/inquiries", KEY) for _ in range(2)]
        version |= {each["inquiry_id"]: each["version"] for each in (first, second)}
        quoted = await button("quote", first["inquiry_id"], ask="100.50")
        assert (quoted["status"], quoted["ask_price"]) == ("QUOTED", "100.5")
        assert (await button("requote", first["inquiry_id"], ask="100.40"))["ask_price"] == "100.4"
        assert (await button("withdraw", first["inquiry_id"]))["status"] == "WITHDRAWN"
        assert (await button("pass", second["inquiry_id"]))["outcome"] == "PASSED"
        await system.post("/api/v1/admin/auto-trader", {})
        await system.post("/api/v1/admin/desk-prices", {"instrument_id": "AAPL", "mid": "100.00"})
        third = await system.post("/api/v1/inquiries", KEY)
        version[third["inquiry_id"]] = third["version"]
        assert (third["status"], third["is_auto"]) == ("QUOTED", True)
        assert (await button("take-over", third["inquiry_id"]))["is_auto"] is False


async def _heard(socket: aiohttp.ClientWebSocketResponse, frames: list[Any], inquiry_id: str, version: int) -> None:
    """Reads on until the page would have seen this."""

    def is_there() -> bool:
        told = [frame["inquiry"] for frame in frames if frame["type"] == "INQUIRY"]
        told += [each for frame in frames if frame["type"] == "SNAPSHOT" for each in frame["inquiries"]]
        return any(each["inquiry_id"] == inquiry_id and each["version"] >= version for each in told)

    while not is_there():
        frames.append(await socket.receive_json(timeout=20))
