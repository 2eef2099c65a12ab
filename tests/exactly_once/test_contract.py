"""What we use of Faust and aiokafka without their promise: a version that has it otherwise fails here, by name."""

import ast
import asyncio
import importlib
import inspect
import pkgutil
import textwrap
import zlib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import aiokafka
import faust
import pytest
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import for_code
from aiokafka.producer import sender
from aiokafka.producer.message_accumulator import BatchBuilder, MessageAccumulator, MessageBatch
from aiokafka.producer.transaction_manager import TransactionManager
from aiokafka.record._crecords import default_records
from aiokafka.record.memory_records import MemoryRecords
from faust.web.drivers.aiohttp import Web
from private_parts import ATTRIBUTES, PINNED, RELIED_ON

import app
from app.exactly_once import consumer_thread, membership, producer, reader, requests
from app.exactly_once import log as log_module
from app.exactly_once.log import Message, Partition

LZ4 = 3
"""Kafka's number for it."""

WHERE = "read the new source, see whether app/exactly_once still holds, then write the new fingerprint down"

DOCUMENTED = {"_exit", "_replace", "_fields", "_asdict"}
"""Names of Python itself that look private and are not."""


def thing(name: str) -> Any:
    module, _, path = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = inspect.getattr_static(found, part)
    return found


def fingerprint(found: Any) -> str:
    """Of the source, whatever its blank lines and comments."""
    if isinstance(found, property):
        found = found.fget
    if isinstance(found, classmethod):
        found = found.__func__
    source = textwrap.dedent(inspect.getsource(found))
    lines = (line.split("  # ")[0].rstrip() for line in source.splitlines())
    return (
        f"{zlib.crc32(chr(10).join(line for line in lines if line and not line.lstrip().startswith('#')).encode()):08x}"
    )


@pytest.mark.parametrize("name", PINNED)
def test_the_version_is_the_one_whose_private_parts_we_know(name: str) -> None:
    found = metadata.version(name)
    assert found == PINNED[name], f"{name} is {found}: go through every failure in this file before you pin it"


@pytest.mark.parametrize("name", RELIED_ON)
def test_the_source_of_what_we_rely_on_is_as_we_read_it(name: str) -> None:
    try:
        found = thing(name)
    except (AttributeError, ImportError):
        pytest.fail(f"{name} is no more, and we rely on it")
    assert fingerprint(found) == RELIED_ON[name], f"{name} is not what it was: {WHERE}"


@pytest.mark.parametrize("owner", ATTRIBUTES, ids=lambda owner: owner.__name__)
def test_the_attributes_that_we_touch_are_used_where_we_believe(owner: type) -> None:
    for attribute, method in ATTRIBUTES[owner].items():
        source = inspect.getsource(inspect.getattr_static(owner, method))
        assert f"self.{attribute}" in source, f"{owner.__name__}.{method} does not use {attribute} any more"


# --- nothing private is used that is not named here -------------------------------------------------------------------


COMMAND_LINE = ("app.cli", "app.feed_cli", "app.flow_cli", "app.history_cli", "app.inquiry_cli")
"""Faust documents how commands are made: what they override is no private part."""


def foreign(module: str) -> bool:
    return module.partition(".")[0] in ("faust", "mode", "aiokafka")


def our_modules() -> Iterator[Any]:
    for found in pkgutil.walk_packages(app.__path__, "app."):
        yield importlib.import_module(found.name)


def overridden() -> Iterator[str]:
    """`module:Class.name` of everything of theirs that a class of ours replaces."""
    for module in our_modules():
        for cls in vars(module).values():
            if not inspect.isclass(cls) or cls.__module__ != module.__name__ or module.__name__ in COMMAND_LINE:
                continue
            for name in vars(cls):
                base = next((base for base in cls.__mro__[1:] if foreign(base.__module__) and name in vars(base)), None)
                is_code = base is not None and isinstance(vars(base)[name], property | type(foreign))
                if is_code and (not name.startswith("__") or name == "__post_init__"):
                    assert base is not None
                    yield f"{base.__module__}:{base.__qualname__}.{name}"


def test_every_method_that_we_override_has_a_fingerprint() -> None:
    missing = {name for name in overridden() if name not in RELIED_ON}
    assert not missing, f"overridden without a contract: {sorted(missing)}"


def private_names(tree: ast.Module) -> tuple[set[str], set[str]]:
    """-> private names that are defined in a file, and those that are used."""
    defined, used = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            defined.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            defined.add(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            defined.add(node.value)  # of __slots__
        elif isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            is_self = isinstance(node.value, ast.Name) and node.value.id == "self"
            (defined if is_self and isinstance(node.ctx, ast.Store) else used).add(node.attr)
    return defined, used


def test_every_private_name_of_theirs_that_we_use_is_named_in_this_file() -> None:
    named = {name.rpartition(".")[2] for name in RELIED_ON} | {
        attribute for attributes in ATTRIBUTES.values() for attribute in attributes
    }
    unknown = {}
    for path in sorted(Path(app.__file__).parent.rglob("*.py")):
        defined, used = private_names(ast.parse(path.read_text()))
        if strange := used - defined - named - DOCUMENTED:
            unknown[path.name] = strange
    assert not unknown, f"private names without a contract: {unknown}"


# --- behaviour --------------------------------------------------------------------------------------------------------


def test_the_worker_consumer_is_made_of_the_attributes_that_we_set_before_it_starts() -> None:
    source = inspect.getsource(aiokafka.AIOKafkaConsumer.start)
    assert "max_poll_interval_ms=self._max_poll_interval_ms" in source


async def test_a_consumer_has_what_the_thread_sets_before_it_starts() -> None:
    consumer = aiokafka.AIOKafkaConsumer(bootstrap_servers="127.0.0.1:1")
    assert consumer._max_poll_interval_ms == 300_000
    assert consumer._closed is False
    assert consumer._max_poll_interval_ms < consumer_thread.POLL_INTERVAL_MS_MAX
    await consumer.stop()


async def test_our_producer_numbers_its_records_in_all_three_places() -> None:
    made = producer.IdempotentProducer(bootstrap_servers="127.0.0.1:1", enable_idempotence=True)
    managers = {id(made._txn_manager), id(made._message_accumulator._txn_manager), id(made._sender._txn_manager)}
    assert len(managers) == 1
    assert type(made._txn_manager) is producer.WrappingSequences
    assert made._txn_manager.transactional_id is None
    made._txn_manager.increment_sequence_number(TopicPartition("t", 0), 3)
    assert made._txn_manager.sequence_number(TopicPartition("t", 0)) == 3
    made._closed = True  # it was never started


async def test_a_plain_producer_of_theirs_still_has_negative_sequence_numbers() -> None:
    """Once this fails, WrappingSequences has nothing left to do."""
    manager, tp = TransactionManager(None, 60_000), TopicPartition("t", 0)
    manager._sequence_numbers[tp] = (1 << 31) - 1
    manager.increment_sequence_number(tp, 1)
    assert manager.sequence_number(tp) < 0


async def test_a_batch_takes_one_message_of_any_size_and_counts_its_records() -> None:
    builder = BatchBuilder(1_000, 0, is_transactional=False)
    batch = MessageBatch(TopicPartition("t", 0), builder, 30.0, 0)
    large = {"timestamp": None, "key": None, "value": b"x" * 5_000, "headers": []}
    assert builder.append(**large) is not None
    assert builder.append(**large) is None
    assert builder.closed()
    assert (batch.record_count, batch.retry_count) == (1, 0)
    batch.drain_ready()
    assert batch.retry_count == 1
    batch.done(40)
    assert (await batch.future).offset == 40


async def test_a_batch_that_fails_tells_its_future_and_nobody_must_have_asked() -> None:
    batch = MessageBatch(TopicPartition("t", 0), BatchBuilder(1_000, 0, is_transactional=False), 30.0, 0)
    batch.failure(ConnectionError("refused"))
    assert isinstance(batch.future.exception(), ConnectionError)
    assert isinstance(batch._drain_waiter.exception(), ConnectionError)


async def test_the_accumulator_keeps_batches_by_partition_in_order() -> None:
    accumulator = MessageAccumulator(aiokafka.cluster.ClusterMetadata(), 1_000, 0, 30.0)
    tp = TopicPartition("t", 0)
    batches = [accumulator._append_batch(BatchBuilder(1_000, 0, is_transactional=False), tp) for _ in range(2)]
    assert list(accumulator._batches[tp]) == batches
    assert accumulator._exception is None


def test_requests_to_produce_are_made_of_the_class_that_we_put_in_place_of_theirs() -> None:
    assert sender.ProduceRequest is requests.QuickProduceRequest
    assert "request = ProduceRequest(" in inspect.getsource(sender.SendProduceReqHandler.create_request)


async def test_a_partition_that_is_paused_is_not_asked_for() -> None:
    consumer, tp = aiokafka.AIOKafkaConsumer(bootstrap_servers="127.0.0.1:1"), TopicPartition("t", 0)
    consumer.assign([tp])
    consumer.pause(tp)
    assert consumer.paused() == {tp}
    source = inspect.getsource(Fetcher._get_actions_per_node)
    assert source.index("elif tp_state.paused:") < source.index("fetchable[node_id].append")
    await consumer.stop()


def test_records_are_compressed_by_the_function_that_we_put_in_place_of_theirs() -> None:
    builder = default_records.DefaultRecordBatchBuilder(2, LZ4, 0, -1, -1, 0, 16_384)
    builder.append(0, None, key=b"key", value=b"value " * 200, headers=[])
    built = bytes(builder.build())
    assert default_records.lz4_encode is producer.compress_lz4
    assert len(built) < 200
    batch = MemoryRecords(built).next_batch()
    assert batch is not None
    assert [record.value for record in batch] == [b"value " * 200]


def test_a_bare_record_has_all_that_shards_ask_of_one() -> None:
    builder = default_records.DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, 16_384)
    builder.append(0, 1_700_000_000_000, key=b"key", value=b"value", headers=[("id", b"1"), ("event_id", b"2")])
    batch = MemoryRecords(bytes(builder.build())).next_batch()
    assert batch is not None
    (record,) = batch
    assert (record.offset, record.timestamp, record.key, record.value) == (0, 1_700_000_000_000, b"key", b"value")
    assert list(record.headers) == [("id", b"1"), ("event_id", b"2")]
    assert reader.bare_record(TopicPartition("topic", 0), record) is record


def test_everything_that_the_coordinator_hears_passes_the_method_that_we_wrap() -> None:
    module = inspect.getmodule(GroupCoordinator)
    assert module is not None
    source = inspect.getsource(module)
    assert source.count("_coordinator._send_req(request)") == 2  # join, sync
    assert "self._send_req(request)" in inspect.getsource(GroupCoordinator._do_heartbeat)
    assert source.count("await self._push_error_to_user(exc)") == 2
    for name in ("HeartbeatRequest", "JoinGroupRequest", "SyncGroupRequest"):
        assert getattr(membership, name).__module__ == "aiokafka.protocol.group"


def test_an_error_that_aiokafka_does_not_know_is_still_unknown_to_it() -> None:
    assert for_code(membership.FENCED_INSTANCE_ID).__name__ in ("UnknownError", "FencedInstanceIdError")
    assert for_code(25).__name__ == "UnknownMemberIdError"


def test_services_start_in_an_order_that_a_boot_strategy_gives() -> None:
    strategy = faust.App.BootStrategy
    for name in ("sensors", "web_server", "kafka_producer", "kafka_consumer", "agents", "kafka_conductor", "tables"):
        assert callable(getattr(strategy, name)), name


def test_the_web_server_makes_its_runner_in_the_beginning_and_starts_it_later() -> None:
    assert "self._runner: AppRunner = AppRunner(self.web_app" in inspect.getsource(Web.__init__)
    assert "self._runner.setup()" in inspect.getsource(Web.start_server)


async def test_a_client_waits_for_the_metadata_of_a_topic() -> None:
    assert list(inspect.signature(AIOKafkaClient._wait_on_metadata).parameters) == ["self", "topic"]
    assert asyncio.iscoroutinefunction(AIOKafkaClient._wait_on_metadata)


def test_a_record_as_read_has_what_the_shards_need() -> None:
    fields = set(aiokafka.ConsumerRecord.__dataclass_fields__)
    wanted = {name for name in vars(log_module.Record) if not name.startswith("_")}
    assert wanted == {"offset", "timestamp", "key", "value", "headers"}
    assert wanted <= fields
    assert Partition("t", 1) == TopicPartition("t", 1)
    assert Message(None, b"", []).headers == []
