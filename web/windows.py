"""Windows of any length over the bars that are kept: tumbling, hopping, sliding and sessions."""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from aiohttp import web

from app.main import app
from domain import windows
from domain.analytics_rows import STREAM
from domain.panes import Pane
from domain.series import BARS_KEPT, GRACE_NS, INTERVALS, SECOND
from domain.windows import Window
from web import answers
from web.answers import time_text
from web.market_data import bars, limit_wanted, period_wanted, shards, shown
from web.problems import Problem

UNITS = {"s": SECOND, "m": 60 * SECOND, "h": 3_600 * SECOND, "d": 86_400 * SECOND}
LENGTH = re.compile(r"([1-9][0-9]{0,5})([smhd])")
HOPS_MAX = 60
"""Hops in a window: where more overlap, sliding ones cost less."""
EVERYWHERE = ("symbol", "kind", "from", "to", "limit")
LENGTHS = {"tumbling": ("size",), "hopping": ("size", "step"), "sliding": ("size", "step"), "session": ("gap",)}
"""What each kind needs."""

Panes = list[tuple[int, Pane]]


class Shape(NamedTuple):
    """What is asked for. Lengths in nanoseconds."""

    kind: str
    size: int
    """Of a session: the gap that ends it."""
    step: int
    pane_level: int
    """Which of the bars that are kept it is merged of: the longest that fit."""

    @property
    def pane(self) -> int:
        """Length of a pane."""
        return INTERVALS[self.pane_level]


MERGED: dict[str, Callable[[Panes, Shape], Iterator[Window]]] = {
    "tumbling": lambda panes, shape: windows.tumbling(panes, shape.size),
    "hopping": lambda panes, shape: windows.hopping(panes, shape.size, shape.step),
    "sliding": lambda panes, shape: windows.sliding(panes, shape.size, shape.pane),
    "session": lambda panes, shape: windows.sessions(panes, shape.size),
}


async def windows_of(request: web.Request) -> web.Response:
    """GET /api/v1/windows?symbol=&kind=&size=&step=&gap=&from=&to=&limit=: windows that begin then, in order of time.

    Those alone that saw a price, and of which every pane is still kept. Without `from` the last ones. `final` says that
    no tick can change the window any more.
    """
    shape, (begin, end) = shape_wanted(request), period_wanted(request)
    symbol = request.query["symbol"]
    rows, limit = shards().of(symbol).rows, limit_wanted(request)
    if rows["series"].get(symbol) is None:
        raise Problem(404, "UNKNOWN_SYMBOL", f"nobody told prices of {symbol}")
    panes: Panes = [(start, pane) for start, pane, _, _ in bars(rows, symbol, shape.pane_level, None, None)]
    stream_time = rows["stream"].get(STREAM) or 0
    found = [
        each
        for each in merged(panes, shape)
        if (begin is None or each.start >= begin) and (end is None or each.start < end)
    ]
    found = found[-limit:] if begin is None else found[:limit]
    return answers.answer(
        {"symbol": symbol, "kind": shape.kind, "windows": [window(each, shape, stream_time) for each in found]}
    )


def merged(panes: Panes, shape: Shape) -> Iterator[Window]:
    """The windows that lie behind everything that is forgotten."""
    if not panes:
        return
    forgotten = panes[-1][0] - (BARS_KEPT[shape.pane_level] - 1) * shape.pane
    known_from = forgotten + (shape.size if shape.kind == "session" else 0)
    for each in MERGED[shape.kind](panes, shape):
        if each.start >= known_from and each.pane.ticks:
            yield each


def window(found: Window, shape: Shape, stream_time: int) -> dict[str, Any]:
    """One window."""
    last_pane_end = found.end + -found.end % shape.pane
    told = shown(found.pane) | {"final": last_pane_end + GRACE_NS <= stream_time}
    return {"start": time_text(found.start), "end": time_text(found.end)} | told


def shape_wanted(request: web.Request) -> Shape:
    """What the query says. Raises Problem for what makes no sense."""
    query = request.query
    kind = query.get("kind", "tumbling")
    if kind not in LENGTHS:
        raise Problem(400, "BAD_VALUE", f"kind is one of {', '.join(LENGTHS)}", field="kind")
    allowed = (*EVERYWHERE, *LENGTHS[kind])
    for name in query:
        if name not in allowed:
            raise Problem(400, "UNKNOWN_FIELD", f"{name[:40]} is none of {', '.join(allowed)}", field=name[:40])
    for name in ("symbol", *LENGTHS[kind]):
        if name not in query:
            raise Problem(400, "MISSING_FIELD", f"{name} is missing", field=name)
    size, *more = [length(name, query[name]) for name in LENGTHS[kind]]
    step = more[0] if more else size
    if step > size:
        raise Problem(
            400, "BAD_VALUE", "step is not longer than size: what lies between would be in none", field="step"
        )
    if kind != "session" and size % step:
        raise Problem(400, "BAD_VALUE", "size is a whole number of steps", field="step")
    return Shape(kind, size, step, pane_level(kind, size, step))


def pane_level(kind: str, size: int, step: int) -> int:
    """The longest bars of which size and step are whole numbers. Raises Problem where too few of them are kept."""
    if kind == "hopping" and size > HOPS_MAX * step:
        raise Problem(
            400, "BAD_VALUE", f"a window has {HOPS_MAX} hops at most; kind=sliding has no bound", field="step"
        )
    if kind == "sliding":
        if step not in INTERVALS:
            raise Problem(400, "BAD_VALUE", "step of a sliding window is 1s, 1m, 5m, 15m, 1h or 1d", field="step")
        level = INTERVALS.index(step)
    else:
        level = max(level for level, interval in enumerate(INTERVALS) if step % interval == 0)
    kept = (BARS_KEPT[level] - 1) * INTERVALS[level]
    if size > kept:
        detail = f"{kept // SECOND} s are kept in bars of {INTERVALS[level] // SECOND} s, of which it would be made"
        raise Problem(400, "BAD_VALUE", detail, field="gap" if kind == "session" else "size")
    return level


def length(name: str, told: str) -> int:
    """Nanoseconds of 90s, 7m, 2h or 1d. Raises Problem."""
    match = LENGTH.fullmatch(told)
    if match is None:
        raise Problem(400, "BAD_VALUE", f"{name} is a length like 90s, 7m, 2h or 1d", field=name)
    return int(match[1]) * UNITS[match[2]]


app.http.router.add_get("/api/v1/windows", windows_of)
