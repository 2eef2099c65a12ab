"""The pages: at `/` book, trades and the ledger's check, live; at `/dashboard/inquiries` the blotter of the desk.

Plain files, no build step.
"""

from pathlib import Path

from aiohttp import web

from app.main import app

FOLDER = Path(__file__).parent / "static"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


async def index(_request: web.Request) -> web.FileResponse:
    """The page."""
    return web.FileResponse(FOLDER / "index.html", headers=HEADERS)


async def inquiries(_request: web.Request) -> web.FileResponse:
    """The blotter of inquiries, with which a dealer quotes."""
    return web.FileResponse(FOLDER / "inquiries.html", headers=HEADERS)


app.http.router.add_get("/", index)
app.http.router.add_get("/dashboard/inquiries", inquiries)
app.http.router.add_static("/static", FOLDER)
