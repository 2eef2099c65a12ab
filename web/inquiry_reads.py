"""Looking at inquiries, and at what books have."""

from aiohttp import web

from app.main import app
from domain.inquiry_rows import Inquiry
from domain.names import NAME_LENGTH_MAX
from schemas.enums import InquiryReason
from web import answers, inquiry_answers
from web.gateway import cut, opened, page_of
from web.numbers import whole_number
from web.problems import Problem
from web.views import in_order

BASE = "/api/v1/inquiries"


def find(inquiry_id: str) -> Inquiry:
    """An inquiry by its id or by its number. Raises Problem where there is none."""
    rows = list(opened().inquiries.rows("inquiries", inquiry_id))
    number = whole_number(inquiry_id)
    if not rows and number is not None:
        view = opened().inquiries_view
        found = next((key for numbers in view.numbers.values() if (key := numbers.get(number))), None)
        rows = [] if found is None else list(opened().inquiries.rows("inquiries", found))
    if not rows:
        raise Problem(404, InquiryReason.UNKNOWN_INQUIRY.value, f"no inquiry {inquiry_id[:NAME_LENGTH_MAX]}")
    row = rows[0]
    assert isinstance(row, Inquiry)
    return row


async def show(request: web.Request) -> web.Response:
    """GET /api/v1/inquiries/{id}."""
    return answers.answer(inquiry_answers.inquiry(find(request.match_info["inquiry_id"])))


async def listing(request: web.Request) -> web.Response:
    """GET /api/v1/inquiries?book_id=&status=: page by page, as they came in."""
    gateway = opened()
    limit, positions = page_of(request)
    book_id, status = request.query.get("book_id"), request.query.get("status", "").upper()
    shards = gateway.inquiries.replicas

    def row(partition: int, inquiry_id: str) -> Inquiry | None:
        found: Inquiry | None = shards[partition].rows["inquiries"].get(inquiry_id)
        if found is None or book_id not in (None, found.book_id) or status not in ("", found.status):
            return None
        return found

    entries = in_order(gateway.inquiries_view.numbers, positions, row, lambda found: int(found.received_at))
    rows, following = cut(entries, limit, positions)
    return answers.answer({"inquiries": [inquiry_answers.inquiry(each) for each in rows], "next": following})


async def positions(request: web.Request) -> web.Response:
    """GET /api/v1/inquiries/positions?book_id=: what books have."""
    book_id = request.query.get("book_id")
    found = [inquiry_answers.position_of_row(*each) for each in opened().inquiries_view.positions()]
    shown = [inquiry_answers.position(each) for each in found if book_id in (None, each.book_id)]
    return answers.answer({"positions": shown})


app.http.router.add_get(BASE, listing)
app.http.router.add_get(f"{BASE}/positions", positions)
app.http.router.add_get(f"{BASE}/{{inquiry_id}}", show)
