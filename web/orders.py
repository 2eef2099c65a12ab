"""Placing, amending and cancelling, in whatever words the request came: parsing is above, answering is above."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from aiohttp import web

from domain import amending
from domain.account_rows import Order, Outcome
from domain.names import is_name
from domain.order_life import CXL_REJ_REASON_OTHER, CXL_REJ_REASONS, WORDS
from domain.order_terms import NOTHING_SPECIAL, Special
from domain.orders import asked_for, body_of
from domain.reasons import reason_text
from schemas.accounts import AmendOrder, CancelOrder, PlaceOrder
from schemas.enums import OrderType, ReasonCode, Side, TimeInForce
from web import clock
from web.commands import happens, is_taken, place_in_line, send, wants_no_answer
from web.gateway import opened
from web.ids import id_of_key, new_id
from web.numbers import text, whole_number
from web.problems import Problem, refused

ACTOR = "anonymous"
"""Until there is identity, everybody is this one."""


class Wanted(NamedTuple):
    """A new order as a request describes it; decimals in nanos."""

    account_id: str
    symbol: str
    side: Side
    order_type: OrderType
    quantity: int
    limit_price: int | None = None
    stop_price: int | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    client_order_id: str | None = None
    special: Special = NOTHING_SPECIAL


class NewTerms(NamedTuple):
    """What an amend asks for; None where it stays."""

    quantity: int | None
    limit_price: int | None
    stop_price: int | None
    trail: int | None


class Placed(NamedTuple):
    """What became of it. The row is None where the account did not answer in time, or was not waited for."""

    order_id: str
    order: Order | None
    is_new: bool


def name(field: str, value: Any) -> str:
    """A name that came as a string or as a number."""
    if not isinstance(value, str) or not is_name(value):
        raise Problem(400, "BAD_NAME", f"{field}: letters, digits and . _ : - only, at most 64", field=field)
    return str(value)


def word(field: str, value: Any, words: dict[str, Any]) -> Any:
    """One of a few words."""
    found = words.get(str(value).lower()) if isinstance(value, str) else None
    if found is None:
        raise Problem(400, "BAD_VALUE", f"{field} is one of {', '.join(words)}", field=field)
    return found


def required(body: dict[str, Any], *fields: str) -> list[Any]:
    """The values of fields that must be there."""
    for field in fields:
        if body.get(field) is None:
            raise Problem(400, "MISSING_FIELD", f"{field} is missing", field=field)
    return [body[field] for field in fields]


def only(body: dict[str, Any], *fields: str) -> None:
    """Nothing but these fields: a misspelt one would be passed over in silence, and the order be another."""
    unknown = sorted(body.keys() - set(fields))
    if unknown:
        raise Problem(400, "UNKNOWN_FIELD", f"{unknown[0][:40]} is none of {', '.join(fields)}", field=unknown[0][:40])


async def place(request: web.Request, wanted: Wanted, *, legacy: bool = False) -> Placed:
    """Sends the order to its account and waits for the account's answer. Raises Problem where the account refuses.

    A book's refusal comes later and is no problem of this request, not even where it is known already (D7): the same
    request must not be answered in two ways, by who was faster.
    """
    shards = opened().accounts
    key = request.headers.get("Idempotency-Key")
    order_id = new_id() if key is None else id_of_key(wanted.account_id, key)
    command_id = order_id if key is None else f"key-{order_id}"
    command = _command(wanted, order_id, command_id)
    with place_in_line():
        sent = await send("accounts", wanted.account_id, command, request)
        replica = shards.of(wanted.account_id)
        if wants_no_answer(request) or not await is_taken(replica, sent):
            return Placed(order_id, None, is_new=True)
    order: Order | None = replica.rows["orders"].get(order_id)
    if order is None or order.account_id != wanted.account_id:  # the id may be another one's: its account says so
        before = _placed_before(replica.rows["outcomes"].get(command_id), shards, wanted.account_id)
        return _unless_refused(before, legacy=legacy)
    if asked_for(order) != body_of(command) or order.client_order_id != command.client_order_id:
        raise key_reused()
    return _unless_refused(Placed(order_id, order, is_new=True), legacy=legacy)


def _unless_refused(placed: Placed, *, legacy: bool) -> Placed:
    """The order, if its account took it: who asks once more hears the same. Raises Problem where it did not."""
    order = placed.order
    if order is not None and order.is_refused_by_account:
        assert order.reason_code is not None
        text = reason_text(order.reason_code)
        raise refused(order.reason_code, text, legacy=legacy, order_id=order.order_id, rejectionReason=text)
    return placed


def envelope() -> dict[str, Any]:
    """The envelope of a command that nobody gave an id."""
    command_id = new_id()
    return {
        "event_id": command_id,
        "command_id": command_id,
        "correlation_id": command_id,
        "actor_id": ACTOR,
        "timestamp": clock.now(),
    }


def _command(wanted: Wanted, order_id: str, command_id: str) -> PlaceOrder:
    return PlaceOrder(
        order_id=order_id,
        account_id=wanted.account_id,
        client_order_id=wanted.client_order_id,
        symbol=wanted.symbol,
        side=wanted.side,
        order_type=wanted.order_type,
        quantity=wanted.quantity,
        limit_price=wanted.limit_price,
        stop_price=wanted.stop_price,
        time_in_force=wanted.time_in_force,
        **wanted.special._asdict(),
        source="rest",
        event_id=command_id,
        command_id=command_id,
        correlation_id=command_id,
        actor_id=ACTOR,
        timestamp=clock.now(),
    )


def _placed_before(outcome: Outcome | None, shards: Any, account_id: str) -> Placed:
    if outcome is None:
        raise Problem(503, "ANSWER_UNKNOWN", "ask for the order by its client_order_id")
    if outcome.reason_code is not None:
        detail = "another order has this id already"
        raise refused(outcome.reason_code, detail, order_id=outcome.order_id)
    return Placed(outcome.order_id, shards.of(account_id).rows["orders"].get(outcome.order_id), is_new=False)


def asked(request: web.Request) -> Order:
    """The order in the path of a request, of the account in its query where one is there. Raises Problem."""
    return find(request.match_info["id"], request.query.get("account_id"))


def find(order_id: str, account_id: str | None = None) -> Order:
    """An order by its id or by its number. Raises Problem where there is none.

    Ids that clients choose are their account's own: two accounts may have chosen the same, and one may look like the
    number of another order. Then the account says which one is meant.
    """
    found = {row.order_number: row for row in _rows(order_id) if account_id in (None, row.account_id)}
    if len(found) > 1:
        detail = f"{len(found)} orders are called {order_id}: account_id says of which account, order_number says which"
        raise Problem(409, "AMBIGUOUS_ORDER_ID", detail, field="account_id")
    for row in found.values():
        return row
    raise Problem(404, "UNKNOWN_ORDER", f"no order {order_id}")


def _rows(order_id: str) -> Iterator[Order]:
    shards, number = opened().accounts, whole_number(order_id)
    yield from shards.rows("orders", order_id)
    if number is None:
        return
    for partition, orders in opened().accounts_view.orders.items():
        key = orders.get(number)
        row = None if key is None else shards.replicas[partition].rows["orders"].get(key)
        if row is not None:
            yield row


def key_reused() -> Problem:
    """An Idempotency-Key came with another body before."""
    return Problem(422, "IDEMPOTENCY_KEY_REUSED", "the key came with another body before")


async def amend(request: web.Request, order: Order, terms: NewTerms) -> Order | None:
    """Changes an order and waits for the book's answer; None where it takes too long. Raises Problem where refused."""
    command_id = _id_of(request, order, "amend")
    command = AmendOrder(
        order_id=order.order_id,
        account_id=order.account_id,
        **terms._asdict(),
        event_id=command_id,
        command_id=command_id,
        correlation_id=order.command_id,
        actor_id=ACTOR,
        timestamp=clock.now(),
    )
    outcome = await _outcome(request, order, command)
    return None if outcome is None else find(order.order_id, order.account_id)


async def cancel(request: web.Request, order: Order) -> tuple[Order, int] | None:
    """Cancels what is left -> the order and how much it was; None where it takes too long. Raises Problem."""
    command_id = _id_of(request, order, "cancel")
    command = CancelOrder(
        order_id=order.order_id,
        account_id=order.account_id,
        event_id=command_id,
        command_id=command_id,
        correlation_id=order.command_id,
        actor_id=ACTOR,
        timestamp=clock.now(),
    )
    outcome = await _outcome(request, order, command)
    return None if outcome is None else (find(order.order_id, order.account_id), outcome.quantity)


def _id_of(request: web.Request, order: Order, what: str) -> str:
    """Of a command about an order: the same for the same key."""
    key = request.headers.get("Idempotency-Key")
    return new_id() if key is None else f"key-{id_of_key(what, order.account_id, order.order_id, key)}"


async def _outcome(request: web.Request, order: Order, command: AmendOrder | CancelOrder) -> Outcome | None:
    replica = opened().accounts.of(order.account_id)

    def answer() -> Outcome | None:
        found: Outcome | None = replica.rows["outcomes"].get(command.command_id)
        return None if found is None or found.is_pending else found

    with place_in_line():
        await send("accounts", order.account_id, command, request)
        if wants_no_answer(request) or not await happens(replica, lambda: answer() is not None):
            return None
    outcome = answer()
    assert outcome is not None
    if isinstance(command, AmendOrder) and outcome.body != amending.body_of(command):
        raise key_reused()
    if outcome.reason_code is not None:
        raise _request_refused(find(order.order_id, order.account_id), outcome.reason_code)
    return outcome


def _request_refused(order: Order, reason: ReasonCode) -> Problem:
    """A cancel or amend that is refused says how the order is now, and why in FIX's words, too."""
    return refused(
        reason,
        f"order {order.order_id} is {order.status}: {reason_text(reason)}",
        order_id=order.order_id,
        order_status=order.status.value,
        ord_status=WORDS[order.status].ord_status,
        filled_qty=text(order.filled),
        cxl_rej_reason=CXL_REJ_REASONS.get(reason, CXL_REJ_REASON_OTHER),
    )
