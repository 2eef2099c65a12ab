"""The Faust application: settings, shards, agents and web put together."""

import asyncio
import gc
import logging
import os
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

import mode.loop

if sys.platform != "win32":
    mode.loop.use("uvloop")

import faust
from aiohttp.web import Application, AppRunner
from aiokafka.client import AIOKafkaClient
from faust.app.base import BootStrategy
from faust.web.drivers.aiohttp import Web

from app import bootstrap, metrics, processes
from app.codecs import MESSAGES, Codec
from app.exactly_once.fatal import fatal
from app.exactly_once.kafka import KafkaLog
from app.exactly_once.log import Message as LogMessage
from app.exactly_once.log import Partition
from app.exactly_once.owned import Tuning
from app.exactly_once.owner import Owner
from app.exactly_once.reader import Reader
from app.exactly_once.store import Stores
from app.exactly_once.transport import NullMonitor, ShardApp
from app.exactly_once.watchdog import Watchdog
from app.faust_settings import faust_settings
from app.machine import Noun, NounMachine
from app.registry import ConfluentRegistry, FileRegistry, Registry, RegistryUnreachable
from app.settings import NICENESS, Profile, Settings, SettingsError, from_environment
from app.topics import TOPICS, compression_of
from schemas.shared import Tick

logger = logging.getLogger(__name__)

EX_CONFIG = 78
GROUP = "trading"
TICK_LOOK_S = 0.05
SHUTDOWN_S = 2.0
COMPRESSIONS = {"uncompressed": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
"""Kafka's numbers for them."""


def read_settings() -> Settings:
    """The knobs; ends the process with a clear message where one is wrong."""
    try:
        return from_environment()
    except SettingsError as error:
        sys.stderr.write(f"configuration: {error}\n")
        sys.exit(EX_CONFIG)


class WebServer(Web):
    """Faust's web server without Faust's own pages, and with a bound on how long it waits for sockets at the end."""

    default_blueprints = production_blueprints = debug_blueprints = optional_blueprints = ()

    def __init__(self, app: Any, **settings: Any) -> None:
        super().__init__(app, **settings)
        self._runner = AppRunner(self.web_app, access_log=None, shutdown_timeout=SHUTDOWN_S)


class WebFirst(BootStrategy):
    """The web server is up before Kafka is: it says that the worker is not ready, and why."""

    def server(self) -> Any:
        """Services in the order in which they start."""
        return self._chain(
            self.sensors(),
            self.web_server(),
            self.kafka_producer(),
            self.kafka_consumer(),
            self.agents(),
            self.kafka_conductor(),
            self.tables(),
        )


class Worker(faust.Worker):
    """A worker that runs below a supervisor, which restarts it and owns the embedded broker."""

    def execute_from_commandline(self) -> NoReturn:
        """Starts the supervisor in place of this process, unless it is there already."""
        assert isinstance(self.app, TradingApp)
        if not self.app.settings.supervised:
            script = Path(processes.__file__).with_name("supervisor.py")
            command = [sys.executable, "-P", str(script), "--", sys.executable, "-m", "faust", *sys.argv[1:]]
            os.execve(sys.executable, command, os.environ | self.app.settings.environment())  # noqa: S606 - ourselves
        super().execute_from_commandline()


class TradingApp(ShardApp):
    """The application of one worker."""

    BootStrategy = WebFirst

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.kinds: dict[str, Kind] = {}
        self.log_ends: dict[Partition, int] = {}
        self.not_ready: str | None = "starting"
        self.when_connected: list[Callable[[], Awaitable[None]]] = []
        """Called once Kafka is there."""
        self.more_reasons: list[Callable[[], str | None]] = []
        """Asked for reasons why this worker is not ready."""
        self.process_name = f"{settings.instance_id or 'worker'}/{uuid.uuid4().hex[:12]}"
        super().__init__(GROUP, Worker=Worker, Monitor=NullMonitor, **faust_settings(settings))
        self.producer_only = not settings.nouns
        settings.folder.mkdir(parents=True, exist_ok=True)

    def _new_web(self) -> Any:
        return WebServer(self)

    @property
    def http(self) -> Application:
        """Where routes are added."""
        found = self.web
        assert isinstance(found, WebServer)
        return found.web_app

    def register(self, noun: Noun) -> Any:
        """Makes the noun's shards part of this worker -> the Faust topic of its inbox, for its agent."""
        self.kinds[noun.inbox] = Kind(noun, self)
        return self.topic(noun.inbox, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")

    async def before_producer(self) -> None:
        """Waits for Kafka and its topics. Until then the web server answers that nothing is ready."""
        self.not_ready = f"no Kafka at {self.settings.brokers}"
        admin = await bootstrap.connect(self.settings)
        try:
            await self._check_topics(admin)
        finally:
            await admin.close()
        self.codec = Codec(await self._registry())
        self.not_ready = "connecting"

    async def _check_topics(self, admin: Any) -> None:
        profile = self.settings.profile
        while True:
            if profile is Profile.PROD:
                found = await bootstrap.differences(admin, profile, sorted(TOPICS))
            else:
                made, found = await bootstrap.create_topics(admin, profile)
                if made:
                    logger.info("topics made: %s", ", ".join(made))
            for difference in found:
                logger.warning("%s", difference)
            wrong = bootstrap.fatal_differences(found)
            if not wrong:
                return
            self.not_ready = f"{wrong[0]}; {wrong[0].remedy}"
            await asyncio.sleep(bootstrap.RETRY_S)

    async def _registry(self) -> Registry:
        """Waits for the registry, where there is one, and for it to take our schemas."""
        url = self.settings.schema_registry_url
        if not url:
            return FileRegistry()
        topics = dict.fromkeys(MESSAGES, "")
        topics |= {message.schema_name: topic.name for topic in TOPICS.values() for message in topic.messages}
        while True:
            self.not_ready = f"registering schemas at {url}"
            registry = ConfluentRegistry(url, topics)
            try:
                await asyncio.to_thread(registry.register)
            except RegistryUnreachable as error:
                self.not_ready = f"the schema registry at {url} does not take our schemas: {error}"
                logger.warning("%s", self.not_ready)
                await asyncio.sleep(bootstrap.RETRY_S)
            else:
                return registry

    async def after_producer(self, producer: Any) -> None:
        """The producer is there: so may the shards be."""
        await producer.client.set_topics(TOPICS)  # or it would soon ask for those alone that were missing at first
        for topic in TOPICS:
            await producer.client._wait_on_metadata(topic)  # noqa: SLF001 - or the first record of each waits for it
        profile = self.settings.profile
        compression = {name: COMPRESSIONS[compression_of(topic, profile)] for name, topic in TOPICS.items()}
        self.kafka = KafkaLog({"bootstrap_servers": self.settings.brokers}, lambda: producer, fatal, compression)
        self.inboxes = frozenset(self.kinds)
        pauses_s = {inbox: kind.noun.read_pause_s for inbox, kind in self.kinds.items()}
        self.reader = Reader(AIOKafkaClient(bootstrap_servers=self.settings.brokers), pauses_s, fatal)
        if self.inboxes:
            await self.reader.start()
        stores = Stores(self.settings.folder / "shards")
        self.owner = Owner(
            self.process_name,
            self.kafka,
            self.kinds,
            self.consumer,  # type: ignore[arg-type]
            fatal,
            now=time.monotonic,
            open_store=stores,
            version=version(),
            tuning=Tuning(public_inboxes=frozenset(name for name in TOPICS if TOPICS[name].is_public_input)),
        )
        metrics.REGISTRY.register(metrics.ShardCollector(self))
        self.not_ready = None
        for call in self.when_connected:
            await call()
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 50, 50)

    def reasons_not_ready(self) -> list[str]:
        """Why this worker should get no work now."""
        if self.not_ready is not None:
            return [self.not_ready]
        reasons = [f"shard {partition} is being restored" for partition in self.owner.restoring]
        reasons += [f"shard {partition} is quarantined: {why}" for partition, why in self.owner.quarantined.items()]
        if self.settings.nouns and not self.owner.has_assignment:
            reasons.append("no shards assigned yet")
        return reasons + [reason for ask in self.more_reasons if (reason := ask()) is not None]


class Kind:
    """A noun as the owner of shards sees it."""

    def __init__(self, noun: Noun, app: TradingApp) -> None:
        self.noun, self._app = noun, app
        self.tables = noun.tables

    def machine(self) -> NounMachine:
        """A fresh machine for one shard."""
        app = self._app
        return NounMachine(self.noun, app.codec, app.settings.profile, metrics.HEARD, metrics.TOLD)


def version() -> str:
    """Of this code."""
    return metadata.version("trading-platform")


settings = read_settings()
if settings.gives_way:
    os.nice(NICENESS)  # before there are threads: each has what the one that begins it has
app = TradingApp(settings)


async def watch() -> None:
    """Ends this process if it is stuck, and knows where the inboxes end."""
    watchdog = Watchdog(app.owner, app.consumer.thread.ends, app.log_ends, fatal)  # type: ignore[attr-defined]
    app.more_reasons.append(lambda: watchdog.reason)
    watchdog.start()


app.when_connected.append(watch)


@app.task()  # type: ignore[untyped-decorator]
async def tick() -> None:
    """Tells shards the time where something is due; late or double ticks do no harm."""
    while True:
        await asyncio.sleep(TICK_LOOK_S)
        if app.not_ready is None:
            for owned in list(app.owner.shards.values()):
                machine = owned.shard.machine
                assert isinstance(machine, NounMachine)
                deadline = None if owned.frozen or machine.is_manual else machine.noun.deadline(machine.state)
                if deadline is not None and deadline <= time.time_ns():
                    message = app.codec.encode(Tick(is_manual=False, timestamp=time.time_ns()))
                    app.kafka.send(owned.shard.inbox, [LogMessage(None, message, [])])
