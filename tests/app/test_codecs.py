"""Bytes that were written with a schema of somebody else's."""

from io import BytesIO
from typing import Any

import fastavro
import pytest
from examples import fill

from app.codecs import READ_LATELY_MAX, Codec
from app.exactly_once.shard import Undecodable
from app.registry import FileRegistry, RegistryUnreachable, UnknownSchemaId
from schemas.order_commands import NewOrder

NUMBER = 900_001
OURS = FileRegistry()
SCHEMA = OURS.schema_of(OURS.id_of("order_commands.NewOrder"))


class Sender:
    """The registry that we share with a sender: it holds our schemas, and one of the sender's."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.schema = schema

    def id_of(self, name: str) -> int:
        return OURS.id_of(name)

    def schema_of(self, number: int) -> dict[str, Any]:
        return self.schema if number == NUMBER else OURS.schema_of(number)


class Away(Sender):
    """The same, out of reach for what is not known yet."""

    def schema_of(self, number: int) -> dict[str, Any]:
        raise RegistryUnreachable(f"no answer for {number}")


def schema_without(*fields: str) -> dict[str, Any]:
    return SCHEMA | {"fields": [field for field in SCHEMA["fields"] if field["name"] not in fields]}


def written(schema: dict[str, Any], **values: Any) -> bytes:
    order = {"account_id": "1", "symbol": "ADAUSDT", "side": "BUY", "order_type": "LIMIT", "quantity": b"\x02"} | values
    data = BytesIO()
    fastavro.schemaless_writer(data, fastavro.parse_schema(bare(schema), named_schemas={}), order)
    return b"\0" + NUMBER.to_bytes(4, "big") + data.getvalue()


def bare(schema: Any) -> Any:
    """Without logical types: decimals as the bytes that they are."""
    if isinstance(schema, dict):
        return {name: bare(value) for name, value in schema.items() if name != "logicalType"}
    return [bare(value) for value in schema] if isinstance(schema, list) else schema


@pytest.mark.parametrize("field", ["account_id", "quantity", "side"])
def test_a_sender_whose_schema_lacks_a_field_that_must_be_there(field: str) -> None:
    schema = schema_without(field)
    with pytest.raises(Undecodable) as refusal:
        Codec(Sender(schema)).decode(written(schema))
    assert refusal.value.reason == "MISSING_FIELD"
    assert field in str(refusal.value)


def test_a_sender_whose_schema_lacks_fields_that_have_defaults_is_understood() -> None:
    schema = schema_without("client_order_id", "stop_price", "time_in_force")
    order = Codec(Sender(schema)).decode(written(schema))
    assert isinstance(order, NewOrder)
    assert (order.account_id, order.quantity, order.client_order_id) == ("1", 2, None)


def test_a_sender_with_a_field_more_is_understood() -> None:
    schema = SCHEMA | {"fields": [*SCHEMA["fields"], {"name": "mood", "type": "string"}]}
    order = Codec(Sender(schema)).decode(written(schema, mood="good"))
    assert isinstance(order, NewOrder)
    assert order.symbol == "ADAUSDT"


def test_a_schema_of_something_else_is_no_message_of_ours() -> None:
    schema = SCHEMA | {"name": "Poem"}
    with pytest.raises(Undecodable) as refusal:
        Codec(Sender(schema)).decode(written(schema))
    assert refusal.value.reason == "UNKNOWN_MESSAGE"


def test_bytes_that_end_too_soon_are_undecodable() -> None:
    schema = schema_without("stop_price")
    with pytest.raises(Undecodable) as refusal:
        Codec(Sender(schema)).decode(written(schema)[:-20])
    assert refusal.value.reason == "UNDECODABLE"


def test_an_id_that_the_registry_does_not_have_is_unknown() -> None:
    with pytest.raises(UnknownSchemaId):
        OURS.schema_of(NUMBER)
    with pytest.raises(Undecodable) as refusal:
        Codec(OURS).decode(written(SCHEMA))
    assert refusal.value.reason == "UNKNOWN_SCHEMA"


def test_a_registry_that_does_not_answer_says_nothing_about_the_record() -> None:
    with pytest.raises(RegistryUnreachable):
        Codec(Away(SCHEMA)).decode(written(SCHEMA))


def test_a_trade_that_two_shards_read_is_decoded_once_and_not_kept_for_long() -> None:
    codec = Codec(OURS)
    values = [codec.encode(fill(str(number), 1, 1, 0, trade=str(number))) for number in range(READ_LATELY_MAX + 1)]
    first = codec.decode(values[0])
    assert codec.decode(bytes(bytearray(values[0]))) is first
    assert [codec.decode(value).trade_id for value in values] == [str(number) for number in range(len(values))]
    assert codec.decode(values[0]) == first
    assert codec.decode(values[0]) is not first
