import copy
import json
from pathlib import Path
from typing import Any

import pytest

from schemas import compatibility, generate
from schemas.compatibility import DECIMAL, faults, incompatibilities, lint, meaning_changes
from schemas.field_code import attribute
from schemas.generate import REGISTRY, load, nouns
from schemas.message_code import ENVELOPE

ALL = [(noun, name, schema) for noun in nouns() for name, schema in load(noun).items()]
IDS = [f"{noun}.{name}" for noun, name, _ in ALL]


def test_todays_schemas_can_replace_every_one_that_was_released() -> None:
    assert list(faults()) == []
    assert compatibility.main() == 0


def test_a_release_that_todays_schemas_break_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not the last release: one that was long ago."""
    entries = json.loads(REGISTRY.read_text())
    name = "order_commands.CancelRequest"
    (number,) = [number for number, entry in entries.items() if entry["name"] == name]
    recent = entries[number] | {"released": "2"}
    old = copy.deepcopy(entries[number]) | {"released": "1"}
    _field(old["schema"], "account_id")["type"] = "long"
    path = tmp_path / "registry.json"
    path.write_text(json.dumps(entries | {"900": old, "901": recent}))
    monkeypatch.setattr(compatibility, "REGISTRY", path)
    assert compatibility.main() == 1
    found = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[:2] for line in found] == [
        [f"{name} since 1", "cannot be read any more"],
        [f"{name} since 1", "its readers cannot read today's"],
    ]


def _field(schema: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [field for field in schema["fields"] if field["name"] == name]
    return found


@pytest.mark.parametrize(("noun", "name", "schema"), ALL, ids=IDS)
def test_every_message_follows_the_rules(noun: str, name: str, schema: dict[str, Any]) -> None:
    assert list(lint(noun, name, schema)) == []


@pytest.mark.parametrize(("noun", "name", "schema"), ALL, ids=IDS)
def test_every_message_says_where_it_comes_from(noun: str, name: str, schema: dict[str, Any]) -> None:
    names = {field["name"] for field in schema["fields"]}
    assert names & {"event_id", "eventId"}
    assert {"command_id", "correlation_id", "caused_by", "actor_id", "timestamp"} <= {attribute(name) for name in names}
    assert attribute("eventId") == ENVELOPE[0]


@pytest.mark.parametrize(("noun", "name", "schema"), ALL, ids=IDS)
def test_every_message_can_replace_itself(noun: str, name: str, schema: dict[str, Any]) -> None:
    assert list(incompatibilities(schema, copy.deepcopy(schema), is_full=True)) == []


def test_the_order_event_has_the_fields_of_the_document() -> None:
    """S4.36, and the reason for a refusal."""
    names = {field["name"] for field in load("accounts")["OrderEvent"]["fields"]}
    assert names >= {
        "orderId",
        "accountId",
        "symbol",
        "orderType",
        "side",
        "quantity",
        "price",
        "stopPrice",
        "status",
        "timestamp",
        "eventId",
        "rejectionReason",
    }
    status = _field(load("accounts")["OrderEvent"], "status")
    assert {"RISK_APPROVED", "FILLED", "CANCELLED", "REJECTED"} <= set(status["type"]["symbols"])


def test_the_trade_event_has_the_fields_of_the_documents() -> None:
    """S4.37 and S1.16, with those of both sides."""
    names = {field["name"] for field in load("order_books")["TradeExecuted"]["fields"]}
    assert names >= {
        "tradeId",
        "orderId",
        "symbol",
        "side",
        "quantity",
        "executionPrice",
        "commission",
        "executionTime",
        "venue",
        "eventId",
        "accountId",
    }
    assert names >= {"buy_order_id", "sell_order_id", "price"}


def test_the_position_event_has_the_fields_of_the_document() -> None:
    """S4.50, in snake case: only the records of S4.35 to S4.37 keep theirs (D17)."""
    names = {field["name"] for field in load("positions")["PositionEvent"]["fields"]}
    assert names >= {
        "account_id",
        "symbol",
        "quantity",
        "average_price",
        "market_value",
        "unrealized_pnl",
        "realized_pnl",
        "timestamp",
    }


def test_all_other_records_have_names_in_snake_case() -> None:
    camel = {"accounts.OrderEvent", "order_books.TradeExecuted", "feeds.MarketDataEvent"}
    for (_, _, schema), full_name in zip(ALL, IDS, strict=True):
        if full_name not in camel:
            assert all(field["name"] == attribute(field["name"]) for field in schema["fields"]), full_name


# What the lint finds.

ENUM = {"type": "enum", "name": "E", "symbols": ["UNKNOWN", "A"], "default": "UNKNOWN"}
GOOD: dict[str, Any] = {
    "type": "record",
    "name": "Thing",
    "namespace": "trading.things",
    "doc": "A thing.",
    "fields": [
        {"name": "amount", "type": DECIMAL, "doc": "How much."},
        {"name": "kind", "type": ENUM, "doc": "Which."},
        {"name": "note", "type": ["null", "string"], "default": None, "doc": "Why."},
        *({"name": name, "type": "string", "default": "", "doc": name} for name in ENVELOPE[:-1]),
        {"name": "timestamp", "type": {"type": "long", "logicalType": "timestamp-nanos"}, "default": 0, "doc": "When."},
    ],
}
ITEM = {"type": "record", "name": "Item", "doc": "", "fields": [{"name": "x", "type": "double"}]}


def changed(name: str, **more: Any) -> dict[str, Any]:
    schema = copy.deepcopy(GOOD)
    _field(schema, name).update(more)
    return schema


def with_type(name: str, avro: Any) -> dict[str, Any]:
    return changed(name, type=avro)


def test_a_good_message_has_no_faults() -> None:
    assert list(lint("things", "Thing", GOOD)) == []


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        (GOOD | {"name": "Other"}, "is called"),
        (GOOD | {"namespace": "acme"}, "is called"),
        (GOOD | {"doc": ""}, "Thing has no doc"),
        (GOOD | {"fields": GOOD["fields"][:-1]}, "not the envelope"),
        (GOOD | {"fields": GOOD["fields"][::-1]}, "not the envelope"),
        (changed("amount", doc=""), "amount has no doc"),
        (changed("note", default=""), "its default is not null"),
        (with_type("note", ["string", "null"]), "its default is not null"),
        (with_type("amount", DECIMAL | {"scale": 8}), "neither a decimal"),
        (with_type("amount", DECIMAL | {"precision": 18}), "neither a decimal"),
        (with_type("amount", {"type": "long", "logicalType": "timestamp-micros"}), "neither a decimal"),
        (with_type("amount", "double"), "amount is a double"),
        (with_type("note", ["null", "float"]), "note is a float"),
        (with_type("kind", ENUM | {"default": "A"}), "kind has no default UNKNOWN"),
        (with_type("kind", {key: value for key, value in ENUM.items() if key != "default"}), "no default UNKNOWN"),
        (with_type("kind", ENUM | {"symbols": ["A", "UNKNOWN"]}), "no default UNKNOWN"),
        (with_type("amount", {"type": "array", "items": ITEM}), "amount. has no doc"),
        (with_type("amount", {"type": "array", "items": ITEM}), "amount.x has no doc"),
        (with_type("amount", {"type": "array", "items": ITEM}), "amount.x is a double"),
    ],
)
def test_the_lint_finds(schema: dict[str, Any], fault: str) -> None:
    assert any(fault in found for found in lint("things", "Thing", schema))


# What a comparison finds.

NULLABLE = {"name": "more", "type": ["null", "string"], "default": None, "doc": "More."}
REQUIRED = {"name": "more", "type": "string", "doc": "More."}


def test_a_nullable_field_may_be_added_and_taken_away() -> None:
    larger = GOOD | {"fields": [*GOOD["fields"], NULLABLE]}
    assert list(incompatibilities(GOOD, larger, is_full=True)) == []
    assert list(incompatibilities(larger, GOOD, is_full=True)) == []


def test_a_required_field_may_be_taken_away_but_never_added() -> None:
    larger = GOOD | {"fields": [*GOOD["fields"], REQUIRED]}
    assert "cannot be read any more" in next(incompatibilities(GOOD, larger, is_full=False))
    assert list(incompatibilities(larger, GOOD, is_full=False)) == []
    assert "its readers cannot read today's" in next(incompatibilities(larger, GOOD, is_full=True))


def test_an_enum_may_grow() -> None:
    larger = with_type("kind", ENUM | {"symbols": ["UNKNOWN", "A", "B"]})
    assert list(incompatibilities(GOOD, larger, is_full=True)) == []


@pytest.mark.parametrize(
    ("avro", "fault"),
    [
        (DECIMAL | {"scale": 8}, "amount meant ('decimal', 38, 9) and means ('decimal', 38, 8)"),
        (DECIMAL | {"precision": 39}, "amount meant"),
        ("bytes", "amount meant ('decimal', 38, 9) and means (None, None, None)"),
        (["null", DECIMAL | {"scale": 2}], "amount meant"),
    ],
)
def test_bytes_that_would_be_misread_are_found_though_any_reader_takes_them(avro: Any, fault: str) -> None:
    (found,) = meaning_changes(GOOD, with_type("amount", avro))
    assert fault in found
    assert any(fault in found for found in incompatibilities(GOOD, with_type("amount", avro), is_full=False))


def test_what_items_of_an_array_mean_is_compared_too() -> None:
    def listing(scale: int) -> dict[str, Any]:
        item = {"name": "price", "type": DECIMAL | {"scale": scale}, "doc": "Price."}
        items = {"type": "record", "name": "Item", "doc": "One.", "fields": [item]}
        return with_type("amount", {"type": "array", "items": items})

    assert list(meaning_changes(listing(9), listing(9))) == []
    assert [fault.split()[0] for fault in meaning_changes(listing(9), listing(2))] == ["amount.price"]


def test_what_became_another_type_altogether_is_not_compared_field_by_field() -> None:
    assert list(meaning_changes(with_type("note", "string"), with_type("note", {"type": "array", "items": ITEM}))) == []


def test_the_compatibility_of_public_inputs_goes_both_ways() -> None:
    assert set(compatibility.FULL) <= set(nouns())
    assert REGISTRY.parent == generate.ROOT
