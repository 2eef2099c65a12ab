"""What our code touches of Faust and aiokafka without their promise: tests/exactly_once/test_contract.py looks at it.

RELIED_ON holds a fingerprint of the source of each method that we override, call, or whose inside we know. Where one
differs, read both versions, see whether our code still holds, and only then write the new fingerprint down.
"""

import aiokafka
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.producer.message_accumulator import BatchBuilder, MessageAccumulator, MessageBatch
from aiokafka.producer.sender import Sender
from aiokafka.producer.transaction_manager import TransactionManager
from aiokafka.protocol.produce import ProduceRequest
from faust.transport.consumer import ThreadDelegateConsumer
from faust.transport.drivers import aiokafka as driver
from faust.web.drivers.aiohttp import Web
from mode.services import Service

PINNED = {"faust-streaming": "0.15.3", "aiokafka": "0.14.0"}

RELIED_ON: dict[str, str] = {
    "aiokafka.admin.client:AIOKafkaAdminClient.delete_records": "79e63ac6",
    "aiokafka.client:AIOKafkaClient._wait_on_metadata": "7742ffd2",
    "aiokafka.client:AIOKafkaClient.bootstrap": "a64f98fa",
    "aiokafka.client:AIOKafkaClient.force_metadata_update": "8d47dfdc",
    "aiokafka.client:AIOKafkaClient.get_random_node": "8f32de81",
    "aiokafka.client:AIOKafkaClient.send": "fe98510f",
    "aiokafka.client:AIOKafkaClient.set_topics": "387f6515",
    "aiokafka.conn:AIOKafkaConnection._handle_frame": "70087877",
    "aiokafka.conn:AIOKafkaConnection.send": "f7a1a027",
    "aiokafka.consumer.consumer:AIOKafkaConsumer.pause": "4c1c2ccc",
    "aiokafka.consumer.consumer:AIOKafkaConsumer.position": "0b473d48",
    "aiokafka.consumer.consumer:AIOKafkaConsumer.start": "fde0cbf8",
    "aiokafka.consumer.fetcher:Fetcher._get_actions_per_node": "6454cbe9",
    "aiokafka.consumer.fetcher:Fetcher.error_future": "27de88ce",
    "aiokafka.consumer.fetcher:PartitionRecords._unpack_records": "e64bbd19",
    "aiokafka.consumer.group_coordinator:GroupCoordinator._coordination_routine": "f699df47",
    "aiokafka.consumer.group_coordinator:GroupCoordinator._do_heartbeat": "d65fac22",
    "aiokafka.consumer.group_coordinator:GroupCoordinator._heartbeat_routine": "e85b0df7",
    "aiokafka.consumer.group_coordinator:GroupCoordinator._maybe_leave_group": "d39dbbf5",
    "aiokafka.consumer.group_coordinator:GroupCoordinator._push_error_to_user": "1bdc0414",
    "aiokafka.consumer.group_coordinator:GroupCoordinator._send_req": "ba1e5abc",
    "aiokafka.consumer.group_coordinator:GroupCoordinator.close": "6d99a721",
    "aiokafka.producer.message_accumulator:BatchBuilder.append": "83894a51",
    "aiokafka.producer.message_accumulator:BatchBuilder.close": "c30138e9",
    "aiokafka.producer.message_accumulator:MessageAccumulator._append_batch": "f89204fe",
    "aiokafka.producer.message_accumulator:MessageAccumulator._pop_batch": "fe7da750",
    "aiokafka.producer.message_accumulator:MessageAccumulator.drain_by_nodes": "1618cea2",
    "aiokafka.producer.message_accumulator:MessageBatch.done": "db313e12",
    "aiokafka.producer.message_accumulator:MessageBatch.drain_ready": "3591628b",
    "aiokafka.producer.message_accumulator:MessageBatch.failure": "2d1fc9a8",
    "aiokafka.producer.message_accumulator:MessageBatch.record_count": "68ea8f4a",
    "aiokafka.producer.message_accumulator:MessageBatch.retry_count": "59ee5e0a",
    "aiokafka.producer.producer:AIOKafkaProducer.__init__": "0ac72166",
    "aiokafka.producer.sender:SendProduceReqHandler.create_request": "da1ecc2a",
    "aiokafka.producer.sender:SendProduceReqHandler.handle_response": "d25f7db8",
    "aiokafka.producer.sender:Sender._fail_all": "836d8ed3",
    "aiokafka.producer.sender:Sender._sender_routine": "7f388f2a",
    "aiokafka.producer.transaction_manager:TransactionManager.__init__": "d505fb18",
    "aiokafka.producer.transaction_manager:TransactionManager.increment_sequence_number": "707d3a2b",
    "aiokafka.producer.transaction_manager:TransactionManager.sequence_number": "6f614fe5",
    "aiokafka.protocol.api:Request.build": "c51fcd89",
    "aiokafka.protocol.api:Request.prepare": "bc8b98bc",
    "aiokafka.protocol.api:RequestStruct.build_request_header": "4846e5a9",
    "aiokafka.protocol.api:RequestStruct.parse_response_header": "d03c152f",
    "aiokafka.protocol.api:Response.API_KEY": "1d4708bf",
    "aiokafka.protocol.api:Response.API_VERSION": "3a02774b",
    "aiokafka.protocol.produce:ProduceRequest.build": "799a4571",
    "aiokafka.protocol.struct:Struct.__init__": "815a2f89",
    "aiokafka.protocol.struct:Struct.decode": "03ffabbe",
    "aiokafka.protocol.struct:Struct.encode": "cdae8e0c",
    "faust.app.base:App._new_producer_transport": "0cc48888",
    "faust.app.base:App._new_transport": "969f62d1",
    "faust.app.base:App._new_web": "fa00479d",
    "faust.app.base:App._on_partitions_assigned": "04396fa8",
    "faust.app.base:App._on_partitions_revoked": "a3fe6ee4",
    "faust.app.base:App.on_stop": "d97916a7",
    "faust.app.base:BootStrategy._chain": "b7b1bd44",
    "faust.app.base:BootStrategy.server": "2af04a77",
    "faust.sensors.monitor:Monitor.on_message_in": "f2115b26",
    "faust.sensors.monitor:Monitor.on_message_out": "94bbca4f",
    "faust.sensors.monitor:Monitor.on_stream_event_in": "937106be",
    "faust.sensors.monitor:Monitor.on_stream_event_out": "c044cd48",
    "faust.sensors.monitor:Monitor.track_tp_end_offset": "2d537fe1",
    "faust.transport.consumer:Consumer.force_commit": "9c59dad3",
    "faust.transport.consumer:Consumer.on_partitions_assigned": "98dd4302",
    "faust.transport.consumer:Consumer.on_partitions_revoked": "041dedc9",
    "faust.transport.consumer:Consumer.perform_seek": "a06199bb",
    "faust.transport.consumer:Consumer.seek": "08d5f569",
    "faust.transport.consumer:Consumer.verify_all_partitions_active": "c0f51db8",
    "faust.transport.consumer:ConsumerThread.__init__": "ba94b920",
    "faust.transport.consumer:ThreadDelegateConsumer._commit": "b78821f9",
    "faust.transport.consumer:ThreadDelegateConsumer.assignment": "c77c7fa0",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._commit": "c103f2a2",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._create_worker_consumer": "aac7864d",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._ensure_consumer": "a37ad80e",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread.close": "262416a0",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread.on_start": "1ffe2d9e",
    "faust.transport.drivers.aiokafka:Consumer._new_consumer_thread": "b34e35f6",
    "faust.transport.drivers.aiokafka:Producer._producer_type": "f0b9417d",
    "faust.transport.drivers.aiokafka:Producer._settings_extra": "5823c4e9",
    "faust.transport.drivers.aiokafka:Producer.on_start": "86ada7b8",
    "faust.web.drivers.aiohttp:Web.__init__": "dd598862",
    "mode.threads:QueueServiceThread.call_thread": "f745ebef",
    "mode.worker:Worker.execute_from_commandline": "7dd38981",
}

ATTRIBUTES: dict[type, dict[str, str]] = {
    aiokafka.AIOKafkaConsumer: {
        "_fetcher": "start",
        "_coordinator": "start",
        "_closed": "stop",
        "_client": "__init__",
        "_max_poll_interval_ms": "start",
    },
    PartitionRecords: {"next_fetch_offset": "_unpack_records", "_consumer_record": "_unpack_records"},
    GroupCoordinator: {"_coordination_task": "__init__", "_closing": "close"},
    aiokafka.AIOKafkaProducer: {
        "_txn_manager": "__init__",
        "_message_accumulator": "__init__",
        "_sender": "__init__",
    },
    Sender: {"_txn_manager": "__init__"},
    ProduceRequest: dict.fromkeys(("_transactional_id", "_required_acks", "_timeout", "_topics"), "build"),
    TransactionManager: {"_sequence_numbers": "sequence_number", "transaction_timeout_ms": "__init__"},
    MessageAccumulator: {
        "_batches": "_append_batch",
        "_batch_ttl": "_append_batch",
        "_batch_size": "__init__",
        "_exception": "fail_all",
    },
    MessageBatch: {"_builder": "append", "future": "done", "_retry_count": "drain_ready"},
    driver.Producer: {"_producer": "on_start"},
    driver.AIOKafkaConsumerThread: {"_consumer": "_ensure_consumer"},
    ThreadDelegateConsumer: {"_thread": "__init__", "_active_partitions": "_set_active_tps"},
    Service: {"_stopped": "_wait_stopped"},
    Web: {"_runner": "__init__", "web_app": "__init__"},
    BatchBuilder: {"_builder": "append", "_relative_offset": "append", "_closed": "close"},
}
"""Attributes that we read or set, each with a method that uses it."""
