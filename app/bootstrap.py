"""Kafka before the first record: waits for it, makes the topics where the profile lets it, and compares them."""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError

from app.settings import Profile, Settings
from app.topics import TOPICS, config_of, partitions_of, replication_of

logger = logging.getLogger(__name__)

RETRY_S = 2.0
HEARD_S_MAX = 5.0
"""Within which every broker has heard of a new topic; any of them may be asked."""


class Difference(NamedTuple):
    """How a topic differs from the catalogue."""

    topic: str
    what: str
    wanted: str
    found: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.what} is {self.found}, the catalogue says {self.wanted}"

    @property
    def remedy(self) -> str:
        """What a person can do about it."""
        if self.what == "partitions":
            return (
                "keys would live elsewhere: start with the PROFILE that the topic was made for, or, if nothing in it "
                "is needed, delete it and `faust -A app create-topics` makes it anew"
            )
        return "`faust -A app create-topics` makes what is missing"


async def connect(settings: Settings) -> AIOKafkaAdminClient:
    """An admin client, once the brokers answer; says so every time while they do not."""
    while True:
        try:
            return await connect_now(settings)
        except KafkaError as error:
            logger.warning("no Kafka at %s: %s; trying again", settings.brokers, error)
            await asyncio.sleep(RETRY_S)


async def connect_now(settings: Settings) -> AIOKafkaAdminClient:
    """An admin client. Raises KafkaError where no broker answers."""
    client = AIOKafkaAdminClient(bootstrap_servers=settings.brokers)
    try:
        await client.start()
    except KafkaError:
        await client.close()
        raise
    return client


async def create_topics(admin: AIOKafkaAdminClient, profile: Profile) -> tuple[list[str], list[Difference]]:
    """Makes what is missing -> what was made, and how what was there differs."""
    existing = set(await admin.list_topics())
    made = []
    for topic in TOPICS.values():
        if topic.name not in existing:
            new = NewTopic(
                topic.name,
                partitions_of(topic.name, profile),
                replication_of(profile),
                topic_configs=config_of(topic, profile),
            )
            response = await admin.create_topics([new])
            ((_, code, *detail),) = response.topic_errors
            if code == 0:
                made.append(topic.name)
            elif code != TopicAlreadyExistsError.errno:  # another made it, or the broker asked had not heard of it
                raise KafkaError(f"topic {topic.name} cannot be made: {code} {detail}")
    return made, await differences(admin, profile, sorted(set(TOPICS) - set(made)))


async def differences(admin: AIOKafkaAdminClient, profile: Profile, names: list[str]) -> list[Difference]:
    """How these topics differ from the catalogue."""
    if not names:
        return []
    found: list[Difference] = []
    for described in await topics_found(admin, names):
        name, count = described["topic"], len(described["partitions"])
        if described["error_code"]:
            found.append(Difference(name, "topic", "there", "missing"))
            continue
        if count != partitions_of(name, profile):
            found.append(Difference(name, "partitions", str(partitions_of(name, profile)), str(count)))
        copies = min(len(partition["replicas"]) for partition in described["partitions"])
        if copies != replication_of(profile):
            found.append(Difference(name, "copies", str(replication_of(profile)), str(copies)))
        found += await _config_differences(admin, profile, name)
    return found


async def _config_differences(admin: AIOKafkaAdminClient, profile: Profile, name: str) -> list[Difference]:
    wanted = config_of(TOPICS[name], profile)
    actual = await config_found(admin, name)
    return [
        Difference(name, key, value, str(actual.get(key)))
        for key, value in wanted.items()
        if key in actual and actual[key] != value
    ]


async def topics_found(admin: AIOKafkaAdminClient, names: list[str]) -> list[dict[str, Any]]:
    """Asks again while a topic is missing, until `HEARD_S_MAX`: the broker asked may not yet have heard of it."""
    deadline = time.monotonic() + HEARD_S_MAX
    while True:
        found: list[dict[str, Any]] = await admin.describe_topics(names)
        if not any(described["error_code"] for described in found) or time.monotonic() > deadline:
            return found
        await asyncio.sleep(0.05)


async def config_found(admin: AIOKafkaAdminClient, name: str) -> Mapping[str, Any]:
    """The settings of a topic that is there.

    As with `topics_found`, the broker asked may not yet have heard of it.
    """
    resource = ConfigResource(ConfigResourceType.TOPIC, name)
    deadline = time.monotonic() + HEARD_S_MAX
    while True:
        (response,) = await admin.describe_configs([resource])
        ((code, message, _, _, entries),) = response.resources
        if code == 0:
            return {entry[0]: entry[1] for entry in entries}
        if code != UnknownTopicOrPartitionError.errno or time.monotonic() > deadline:
            raise KafkaError(f"settings of topic {name} cannot be read: {code} {message}")
        await asyncio.sleep(0.05)


def fatal_differences(found: list[Difference]) -> list[Difference]:
    """Those with which no worker may begin: keys would live in other places."""
    return [difference for difference in found if difference.what in ("topic", "partitions")]
