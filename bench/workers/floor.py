"""The floor: plain aiokafka that reads each event and sends one on, without state or any guarantee."""

import json
import os
import time
import zlib

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

PARTITIONS = 4
LIMIT = int(os.environ["LIMIT"])


async def main() -> None:
    servers = os.environ["BROKERS"]
    consumer = AIOKafkaConsumer("bench-a", bootstrap_servers=servers, auto_offset_reset="earliest")
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True, linger_ms=0)
    await producer.start()
    await producer.client._wait_on_metadata("bench-floor")
    await consumer.start()
    taken, began, cpu = 0, 0.0, 0.0
    while taken < LIMIT:
        for records in (await consumer.getmany(timeout_ms=1000, max_records=2000)).values():
            if not began:
                began, cpu = time.perf_counter(), time.process_time()
            for record in records:
                symbol = record.value[4:8]
                await producer.send(
                    "bench-floor", symbol + record.value[8:], key=symbol, partition=zlib.crc32(symbol) % PARTITIONS
                )
            taken += len(records)
    await producer.flush()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(json.dumps({"rate": taken / seconds, "cpu_us": cpu / taken * 1e6}), flush=True)
    os._exit(0)


uvloop.run(main())
