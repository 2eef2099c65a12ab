"""Our own encoders and decoders against fastavro, which reads the full schemas; and bytes that are no message."""

import struct
import time
from io import BytesIO
from random import Random
from typing import Any

import fastavro
import msgspec
import pytest
from effort import EFFORT
from examples import fill
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from messages import NAMES, SCHEMAS, as_avro, messages, nanos, read_by_fastavro, records, written_by_fastavro

from app.codecs import MESSAGES, Codec, schema_id
from app.exactly_once.shard import Undecodable
from app.machine import Origin
from app.registry import Entry, FileRegistry, RegistryUnreachable, committed
from schemas import wire
from schemas.accounts import DepositFunds, OpenAccount, PlaceOrder
from schemas.enums import OrderType, Side, TimeInForce
from schemas.order_books import Mark, TradeExecuted
from schemas.order_commands import NewOrder
from schemas.wire import LENGTH, LONG, NANOS_BYTES, STRING, Message, bytes_to_nanos, read_items, read_long, read_time

CODEC = Codec(FileRegistry())
NEW = NewOrder("ann", "ADAUSDT", Side.BUY, OrderType.LIMIT, 5, order_id="o", timestamp=1_700_000_000_000_000_000)
thorough = settings(max_examples=40 * EFFORT, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@pytest.mark.parametrize("name", NAMES)
@thorough
@given(st.data())
def test_fastavro_reads_what_we_write_and_we_read_what_fastavro_writes(name: str, data: st.DataObject) -> None:
    message = data.draw(messages(name))
    encoded = message.encoded()
    expected = as_avro(message, SCHEMAS[name])
    assert read_by_fastavro(name, encoded) == expected
    assert MESSAGES[name].decoded(written_by_fastavro(name, expected), 0) == message
    assert CODEC.decode(CODEC.encode(message)) == message


@given(nanos)
@settings(max_examples=500)
def test_a_decimal_is_as_short_as_it_can_be_and_never_too_long_for_its_schema(number: int) -> None:
    data = NANOS_BYTES[number]
    size = data[0] >> 1
    assert len(data) == size + 1 <= 17
    assert bytes_to_nanos(data[1:]) == number
    assert size == 1 or not -(2 ** (8 * size - 9)) <= number < 2 ** (8 * size - 9)


@pytest.mark.parametrize("bits", [7, 8, 15, 16, 63, 64, 119, 120, 127])
def test_decimals_around_the_bounds_of_their_bytes(bits: int) -> None:
    for number in (2**bits - 1, 2**bits - 2, -(2**bits), 1 - 2**bits):
        if -(2**127) <= number < 2**127:
            assert bytes_to_nanos(NANOS_BYTES[number][1:]) == number


def test_more_than_the_digits_of_a_decimal_is_our_mistake() -> None:
    with pytest.raises(AssertionError, match="38 digits"):
        NANOS_BYTES[2**127]
    with pytest.raises(AssertionError, match="64 bits"):
        LONG[2**63]
    with pytest.raises(AssertionError, match="64 bits"):
        LONG[-(2**63) - 1]


@given(st.integers(-(2**63), 2**63 - 1), st.binary(max_size=3))
@settings(max_examples=500)
def test_a_long_comes_back_and_what_follows_it_stays(number: int, rest: bytes) -> None:
    assert read_long(LONG[number] + rest, 0) == (number, len(LONG[number]))


@given(st.integers(-(2**63), 2**63 - 1) | st.integers(2**54, 2**62), st.binary(max_size=9))
@settings(max_examples=500)
def test_a_time_is_read_like_any_long(number: int, rest: bytes) -> None:
    assert read_time(b"x" + LONG[number] + rest, 1) == (number, 1 + len(LONG[number]))


def test_a_long_that_takes_nine_bytes_without_need_is_not_how_we_write_it() -> None:
    """Or a stranger's time would be the length of our decimals, which nobody could read any more."""
    overlong = b"\x90" + b"\x80" * 7 + b"\0"
    assert read_time(overlong, 0) == read_long(overlong, 0) == (8, 9)
    assert LENGTH[8] == b"\x10"


@pytest.mark.parametrize("name", [name for name in NAMES if "runs" in SCHEMAS[name]])
@thorough
@given(st.data())
def test_what_is_told_again_is_written_as_if_it_were_told_for_the_first_time(name: str, data: st.DataObject) -> None:
    """Some fields change, others are as in the message before: what is remembered of it is not seen in the bytes."""
    one, other = data.draw(messages(name)), data.draw(messages(name))
    for changed in data.draw(st.lists(st.sets(st.sampled_from(one.__struct_fields__)), max_size=4)):
        one = msgspec.structs.replace(one, **{field: getattr(other, field) for field in changed})
        assert read_by_fastavro(name, one.encoded()) == as_avro(one, SCHEMAS[name])
        assert MESSAGES[name].decoded(one.encoded(), 0) == one


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 100, 101, 8191, 8192, 8193, 70_000])
@pytest.mark.parametrize("letter", ["x", "é", "😀"])
def test_strings_of_every_length(size: int, letter: str) -> None:
    message = OpenAccount(letter * size, event_id=letter * size)
    assert OpenAccount.decoded(message.encoded(), 0) == message
    assert read_by_fastavro("accounts.OpenAccount", message.encoded())["account_id"] == letter * size


def test_what_is_remembered_begins_anew_at_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "ENTRIES_MAX", 5)
    monkeypatch.setattr(wire, "TIMES_MAX", 5)
    start = 1_700_000_000_000_000_000
    for number in range(40):
        message = DepositFunds(f"a{number}", "x" * 200, 10**12 + number, timestamp=start + number)
        assert DepositFunds.decoded(message.encoded(), 0) == message
    for table in (STRING, NANOS_BYTES, LENGTH, wire.TIME_AT):
        assert len(table) <= 6


def test_whoever_sends_a_message_gives_it_its_envelope() -> None:
    command = msgspec.structs.replace(NEW, command_id="c", event_id="e", actor_id="me", correlation_id="all")
    origin = Origin(command, 77)
    origin.event_id = STRING["orders-1"]
    sent = OpenAccount.decoded(OpenAccount("ann").encoded(origin), 0)
    assert sent == OpenAccount("ann", "orders-1", "c", "all", "e", "me", 77)
    caused = OpenAccount.decoded(OpenAccount("ann", caused_by="trade").encoded(origin), 0)
    assert caused.caused_by == "trade"
    trade = TradeExecuted.decoded(fill("bid", 1, 1, 0).encoded(origin), 0)
    assert trade.caused_by == trade.order_id == "bid"  # its schema says so
    alone = Origin(msgspec.structs.replace(NEW, command_id="c"), 78)
    alone.event_id = STRING[""]
    assert OpenAccount.decoded(OpenAccount("ann").encoded(alone), 0) == OpenAccount("ann", "", "c", "c", "c", "", 78)


# What is no message.


def damaged(data: bytes, rng: Random) -> bytes:
    """A few bits flipped, or a piece lost, or something put in between."""
    found = bytearray(data)
    kind = rng.randrange(4)
    at = rng.randrange(5, len(found)) if len(found) > 5 else 0
    if kind == 0:
        del found[at:]
    elif kind == 1:
        found[at:at] = rng.randbytes(rng.randint(1, 12))
    elif kind == 2:
        found[at : at + rng.randint(1, 12)] = b"\xff" * rng.randint(1, 20)
    else:
        for _ in range(rng.randint(1, 4)):
            found[rng.randrange(5, len(found))] ^= 1 << rng.randrange(8)
    return bytes(found)


def decoded(codec: Codec, data: bytes) -> Message | None:
    """What is decoded can be encoded again: or it would stop whoever hands it on."""
    try:
        found = codec.decode(data)
    except Undecodable as error:
        assert error.reason in {"UNDECODABLE", "MISSING_FIELD"}  # noqa: PT017 - either answer will do
        return None
    encoded = codec.encode(found)
    assert codec.encode(codec.decode(encoded)) == encoded, "by their bytes: what is no number equals nothing"
    return found


@pytest.mark.parametrize("name", NAMES)
def test_damaged_bytes_are_undecodable_or_another_message_and_nothing_else(name: str) -> None:
    rng = Random(name)
    strategy = messages(name)
    found = [_example(strategy, seed) for seed in range(3)]
    for message in found:
        data = CODEC.encode(message)
        short = data if len(data) < 400 else data[:400]
        for end in range(len(short)):
            decoded(CODEC, short[:end])
        for _ in range(400 * EFFORT):
            decoded(CODEC, damaged(data, rng))


def _example(strategy: st.SearchStrategy[Any], seed: int) -> Any:
    """One message of those that a seed draws: a Hypothesis test is no place for a loop of thousands."""
    found: list[Any] = []

    @settings(max_examples=5, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def draw(message: Any) -> None:
        found.append(message)

    draw()
    return found[-1 - seed]


@pytest.mark.parametrize("name", NAMES)
def test_one_byte_too_many_is_no_message(name: str) -> None:
    data = CODEC.encode(_example(messages(name), 0))
    with pytest.raises(Undecodable, match="UNDECODABLE"):
        CODEC.decode(data + b"\0")


@pytest.mark.parametrize("value", [None, b"", b"\0\0\0\0", b"\1\0\0\0\1x", b"{}"])
def test_what_has_no_frame_is_no_message(value: bytes | None) -> None:
    assert schema_id(value) == -1
    with pytest.raises(Undecodable, match="UNDECODABLE"):
        CODEC.decode(value)


def test_a_million_bytes_of_nonsense_are_refused_at_once() -> None:
    start = time.perf_counter()
    for filling in (b"\xff", b"\x80", b"\x00", b"\x02"):
        assert decoded(CODEC, CODEC.encode(NEW)[:5] + filling * 1_000_000) is None
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize("size", [17, 40, 63, 64, 1000])
def test_a_decimal_that_is_too_long_is_refused_before_anybody_has_to_pass_it_on(size: int) -> None:
    with pytest.raises(ValueError, match="38 digits"):
        bytes_to_nanos(bytes(size))
    data = CODEC.encode(NEW)
    quantity = NANOS_BYTES[5]
    assert data.count(quantity) == 1
    with pytest.raises(Undecodable, match="UNDECODABLE"):
        CODEC.decode(data.replace(quantity, LENGTH[size] + b"\1" * size))


def test_the_lowest_number_of_sixteen_bytes_can_be_passed_on() -> None:
    data = CODEC.encode(NEW).replace(NANOS_BYTES[5], b"\x20\x80" + bytes(15))
    found = decoded(CODEC, data)
    assert isinstance(found, NewOrder)
    assert found.quantity == -(2**127)


@pytest.mark.parametrize("data", [b"\xff" * 9 + b"\x7f", b"\x80" * 9 + b"\x02", b"\xff" * 10 + b"\x01", b"\xff" * 3])
def test_a_long_of_more_than_64_bits_is_none(data: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        read_long(data, 0)


@pytest.mark.parametrize("branch", [1, 3, 4, 255])
def test_there_are_two_branches(branch: int) -> None:
    data = Mark("A", bid=1).encoded()
    at = data.index(b"\2\2\1")
    with pytest.raises(LookupError):
        Mark.decoded(data[:at] + bytes([branch]) + data[at + 1 :], 0)


def test_an_array_may_come_in_blocks_with_or_without_their_size() -> None:
    one, two = Mark("A", bid=1), Mark("B", ask=2)
    blocks = LONG[1] + one.encoded() + LONG[-1] + LONG[len(two.encoded())] + two.encoded() + LONG[0]
    assert read_items(blocks, 0, Mark.decoded) == ((one, two), len(blocks))


def test_a_base_message_has_no_bytes() -> None:
    with pytest.raises(NotImplementedError):
        Message().encoded()
    with pytest.raises(NotImplementedError):
        Message.decoded(b"", 0)
    with pytest.raises(NotImplementedError):
        Message.from_avro({})


# Other versions.


class Versions(FileRegistry):
    """The committed registry, and schemas that others wrote."""

    def __init__(self, *schemas: dict[str, Any]) -> None:
        super().__init__()
        self.others = dict(enumerate(schemas, 1000))

    def schema_of(self, number: int) -> dict[str, Any]:
        return self.others[number] if number in self.others else super().schema_of(number)


def version(name: str, *, without: tuple[str, ...] = (), more: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    schema = SCHEMAS[name]
    fields = [field for field in schema["fields"] if field["name"] not in without]
    return schema | {"fields": [*fields, *more]}


def written(schema: dict[str, Any], data: dict[str, Any]) -> bytes:
    out = BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema, named_schemas={}), data)
    return struct.pack(">bI", 0, 1000) + out.getvalue()


def test_a_field_that_only_a_newer_version_has_is_left_out() -> None:
    note = {"name": "note", "type": ["null", "string"], "default": None, "doc": "New."}
    schema = version("order_commands.NewOrder", more=(note,))
    data = as_avro(NEW, SCHEMAS["order_commands.NewOrder"]) | {"note": "hello"}
    for _ in range(2):  # learnt, then known
        assert Codec(Versions(schema)).decode(written(schema, data)) == NEW
    codec = Codec(Versions(schema))
    assert codec.decode(written(schema, data)) == codec.decode(written(schema, data)) == NEW


def test_a_field_that_an_older_version_did_not_have_has_its_default() -> None:
    schema = version("order_commands.NewOrder", without=("time_in_force", "order_id", "timestamp"))
    found = Codec(Versions(schema)).decode(written(schema, as_avro(NEW, schema)))
    expected = msgspec.structs.replace(NEW, order_id=None, timestamp=0, time_in_force=TimeInForce.GTC)
    assert found == expected


@pytest.mark.parametrize("name", NAMES)
def test_every_message_can_be_read_by_resolution(name: str) -> None:
    """As if every message had an older version: the same fields the other way round."""
    schema = SCHEMAS[name] | {"fields": SCHEMAS[name]["fields"][::-1]}
    try:
        fastavro.parse_schema(schema, named_schemas={})
    except fastavro.schema.UnknownType:
        pytest.skip("an enum is defined where it comes first")
    codec = Codec(Versions(schema))
    for seed in range(5):
        message = _example(records(MESSAGES[name], SCHEMAS[name]), seed)
        assert codec.decode(written(schema, as_avro(message, schema))) == message


def test_a_required_field_that_is_missing_is_said_to_be_missing() -> None:
    schema = version("order_commands.NewOrder", without=("quantity",))
    with pytest.raises(Undecodable) as caught:
        Codec(Versions(schema)).decode(written(schema, as_avro(NEW, schema)))
    assert caught.value.reason == "MISSING_FIELD"


def test_a_symbol_of_the_future_is_unknown() -> None:
    schema = msgspec.json.decode(msgspec.json.encode(SCHEMAS["order_commands.NewOrder"]))
    (field,) = [field for field in schema["fields"] if field["name"] == "order_type"]
    field["type"]["symbols"].append("ICEBERG")
    data = as_avro(NEW, SCHEMAS["order_commands.NewOrder"]) | {"order_type": "ICEBERG"}
    found = Codec(Versions(schema)).decode(written(schema, data))
    assert isinstance(found, NewOrder)
    assert found.order_type is OrderType.UNKNOWN


def test_bytes_of_another_version_are_undecodable_when_they_are_damaged() -> None:
    schema = version("accounts.PlaceOrder", without=("sent_at",))
    place = PlaceOrder("o", "ann", "S", Side.BUY, OrderType.LIMIT, 10**20, TimeInForce.IOC, "kafka", limit_price=-5)
    data, rng, codec = written(schema, as_avro(place, schema)), Random(4), Codec(Versions(schema))
    for end in range(5, len(data)):
        assert decoded(codec, data[:end]) is None
    for _ in range(3_000 * EFFORT):
        decoded(codec, damaged(data, rng))


def test_an_id_that_the_registry_does_not_know_is_unknown() -> None:
    with pytest.raises(Undecodable) as caught:
        CODEC.decode(struct.pack(">bI", 0, 999_999) + b"x")
    assert caught.value.reason == "UNKNOWN_SCHEMA"


@pytest.mark.parametrize("stranger", [{"type": "record", "name": "Foreign", "namespace": "acme", "fields": []}])
def test_a_message_of_strangers_is_unknown(stranger: dict[str, Any]) -> None:
    with pytest.raises(Undecodable) as caught:
        Codec(Versions(stranger)).decode(struct.pack(">bI", 0, 1000))
    assert caught.value.reason == "UNKNOWN_MESSAGE"


def test_a_registry_that_does_not_answer_says_nothing_about_the_message() -> None:
    class Unreachable(FileRegistry):
        def schema_of(self, number: int) -> dict[str, Any]:
            raise RegistryUnreachable(str(number))

    with pytest.raises(RegistryUnreachable):
        Codec(Unreachable()).decode(struct.pack(">bI", 0, 1000))


def test_the_committed_ids_are_each_somebodys() -> None:
    entries = committed()
    registry = FileRegistry(entries)
    assert {registry.id_of(name) for name in MESSAGES} <= entries.keys()
    assert all(isinstance(entry, Entry) for entry in entries.values())
