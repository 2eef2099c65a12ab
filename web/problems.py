"""Errors as problem+json with a stable code; no answer ever carries a stack."""

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from app.metrics import commands_refused
from schemas.enums import ReasonCode

logger = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

NOT_FOUND = {ReasonCode.UNKNOWN_ORDER}
CONFLICT = {ReasonCode.TOO_LATE, ReasonCode.DUPLICATE_CLIENT_ORDER_ID, ReasonCode.NO_CHANGE}
CODES = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "TOO_LARGE"}
"""Of refusals that come from the web server itself."""
LEGACY_WORDS = {ReasonCode.BUYING_POWER: "INSUFFICIENT_FUNDS"}
"""How the older APIs call a reason (D9)."""


class Problem(Exception):  # noqa: N818 - RFC 9457 calls it so
    """An answer that is an error."""

    def __init__(self, status: int, code: str, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.extra = status, code, detail, extra

    def response(self) -> web.Response:
        """As RFC 9457 has it."""
        body = {
            "type": f"/problems/{self.code.lower().replace('_', '-')}",
            "title": self.code.replace("_", " ").capitalize(),
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        headers = {"Retry-After": "1"} if self.status in (429, 503) else {}
        return web.Response(
            text=json.dumps(body | self.extra),
            status=self.status,
            content_type="application/problem+json",
            headers=headers,
        )


def refused(reason: ReasonCode, detail: str, *, legacy: bool = False, **extra: Any) -> Problem:
    """A command that was understood and refused."""
    status = 404 if reason in NOT_FOUND else 409 if reason in CONFLICT else 422
    code = LEGACY_WORDS.get(reason, reason.value) if legacy else reason.value
    return Problem(status, code, detail, **extra)


@web.middleware
async def as_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns whatever goes wrong into problem+json."""
    try:
        return await handler(request)
    except Problem as problem:
        commands_refused.labels(problem.code).inc()
        return problem.response()
    except web.HTTPException as error:
        if error.status < 400:  # noqa: PLR2004 - redirects and the like
            raise
        code = CODES.get(error.status) or error.reason.upper().replace(" ", "_")
        commands_refused.labels(code).inc()
        return Problem(error.status, code, error.reason).response()
    except Exception:
        logger.exception("%s %s", request.method, request.path)
        return Problem(500, "INTERNAL_ERROR", "the fault is ours and is in our log").response()


@web.middleware
async def only_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Bodies are JSON and say so: a form on somebody else's page can send anything else in a visitor's name."""
    kind = request.content_type
    if request.can_read_body and kind != "application/json" and not kind.endswith("+json"):
        raise Problem(415, "UNSUPPORTED_MEDIA_TYPE", f"the body is {kind}; send Content-Type: application/json")
    return await handler(request)
