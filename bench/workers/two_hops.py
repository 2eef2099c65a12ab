"""The floor of latency: plain aiokafka, two hops in one process, each record sent on as it is. Runs until killed.

With GROUP, as the static member of a group."""

import os

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

PREFIX = os.environ["PREFIX"]
HOPS = {f"{PREFIX}-inbox": f"{PREFIX}-middle", f"{PREFIX}-middle": f"{PREFIX}-out"}


async def main() -> None:
    servers = os.environ["BROKERS"]
    group = os.environ.get("GROUP")
    consumer = AIOKafkaConsumer(
        *HOPS,
        bootstrap_servers=servers,
        fetch_max_wait_ms=100,
        group_id=group,
        group_instance_id=group,
        auto_offset_reset="earliest",
    )
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True, linger_ms=0)
    await producer.start()
    for topic in HOPS.values():
        await producer.client._wait_on_metadata(topic)
    await consumer.start()
    while True:
        for tp, records in (await consumer.getmany(timeout_ms=1000)).items():
            for record in records:
                await producer.send(HOPS[tp.topic], record.value, key=record.key, partition=tp.partition)


uvloop.run(main())
