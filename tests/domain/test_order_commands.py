import msgspec
import pytest
from examples import BUY, GTC, LIMIT, units
from machines import Machine, about

from domain.ingress import AHEAD_NS_MAX, Refused
from domain.order_commands import Named
from schemas.accounts import AmendOrder, CancelOrder, PlaceOrder
from schemas.enums import OrderType
from schemas.order_commands import AmendRequest, CancelRequest, NewOrder
from schemas.shared import Tick

NEW = NewOrder("ann", "ADAUSDT", BUY, LIMIT, units(5), limit_price=units(2), client_order_id="mine", order_id="order-1")


def changed(**fields: object) -> NewOrder:
    return msgspec.structs.replace(NEW, **fields)


def test_a_new_order_is_handed_to_its_account_as_it_is() -> None:
    (event,) = Machine("order_commands").run(changed(stop_price=units(1), sent_at=7, command_id="c"), at=10)
    assert event == PlaceOrder(
        order_id="order-1",
        account_id="ann",
        symbol="ADAUSDT",
        side=BUY,
        order_type=LIMIT,
        quantity=units(5),
        time_in_force=GTC,
        source="kafka",
        client_order_id="mine",
        limit_price=units(2),
        stop_price=units(1),
        sent_at=7,
    )


@pytest.mark.parametrize(
    ("sent", "handed_on", "constants"),
    [
        (NewOrder, PlaceOrder, {"order_id": "o", "account_id": "ann", "symbol": "ADAUSDT", "client_order_id": "mine"}),
        (AmendRequest, AmendOrder, {"order_id": "o", "account_id": "ann"}),
    ],
)
def test_every_field_that_both_messages_have_is_handed_on(
    sent: type, handed_on: type, constants: dict[str, str]
) -> None:
    """A field that is added to one of them later, and forgotten at this door, would be passed over in silence."""
    envelope = {"event_id", "command_id", "correlation_id", "caused_by", "actor_id", "timestamp", "sent_at"}
    shared = set(sent.__struct_fields__) & set(handed_on.__struct_fields__) - envelope  # type: ignore[attr-defined]
    values = {name: constants.get(name, f"value of {name}") for name in shared}
    *_, found = Machine("order_commands").run(sent(**values))
    assert {name: getattr(found, name) for name in shared} == values


def test_an_order_without_a_name_gets_one_and_no_name_comes_twice() -> None:
    machine = Machine("order_commands", 3, {"order_commands": 4})
    events = [machine.run(changed(order_id=None)) for _ in range(2)]
    assert [type(event) for event in events[0]] == [Named, PlaceOrder]
    assert [event.order_id for _, event in events] == ["k3-1", "k3-2"]


def test_amends_and_cancels_are_handed_on() -> None:
    machine = Machine("order_commands")
    assert machine.run(AmendRequest(account_id="ann", order_id="o", quantity=units(3))) == [
        AmendOrder("o", "ann", units(3), None)
    ]
    assert machine.run(CancelRequest(account_id="ann", order_id="o")) == [CancelOrder("o", "ann")]


def test_a_command_from_the_future_is_refused() -> None:
    machine = Machine("order_commands")
    assert type(machine.run(changed(sent_at=AHEAD_NS_MAX), at=0)[0]) is PlaceOrder
    (refused,) = machine.run(changed(sent_at=AHEAD_NS_MAX + 1), at=0)
    assert about(refused, "reason") == ("SENT_TOO_FAR_AHEAD",)


@pytest.mark.parametrize(
    "wrong",
    [
        changed(account_id=""),
        changed(account_id="@fees"),
        changed(order_id=""),
        changed(order_id="a|b"),
        changed(symbol="S" * 65),
        changed(client_order_id="c" * 65),
        AmendRequest(account_id="ann", order_id=""),
        AmendRequest(account_id="a|b", order_id="o"),
        CancelRequest(account_id="ann", order_id="x" * 65),
    ],
)
def test_what_has_no_proper_name_goes_no_further(wrong: object) -> None:
    (refused,) = Machine("order_commands").run(wrong)
    assert type(refused) is Refused
    assert refused.reason == "BAD_NAME"


@pytest.mark.parametrize("name", ["k0-1", "k0-1.sl", "k0-1.tp"])
def test_names_that_are_given_here_are_for_nobody_else(name: str) -> None:
    (refused,) = Machine("order_commands").run(changed(order_id=name))
    assert refused.reason == "BAD_NAME"
    assert type(Machine("order_commands").run(CancelRequest(account_id="ann", order_id="k0-1"))[0]) is CancelOrder


@pytest.mark.parametrize("symbol", ["", "NO SUCH | SYMBOL"])
def test_a_symbol_that_is_none_is_for_the_account_to_refuse(symbol: str) -> None:
    assert type(Machine("order_commands").run(changed(symbol=symbol, order_type=OrderType.UNKNOWN))[0]) is PlaceOrder


def test_a_tick_changes_nothing() -> None:
    machine = Machine("order_commands")
    assert machine.run(Tick(is_manual=False, timestamp=5)) == []
    assert machine.noun.deadline(machine.state) is None
    assert machine.snapshot() == {"counts": {}}


def test_names_go_on_where_they_were_when_memory_is_lost() -> None:
    machine = Machine("order_commands")
    machine.run(changed(order_id=None))
    assert machine.rebuilt().run(changed(order_id=None))[1].order_id == "k0-2"
