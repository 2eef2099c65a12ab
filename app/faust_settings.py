"""What Faust and its Kafka clients are told: membership, consumer, producer, web server."""

from typing import Any

from app import logs
from app.settings import Profile, Settings

SESSION_S = 10.0


def faust_settings(settings: Settings) -> dict[str, Any]:
    """Settings of the Faust app of a worker with these knobs."""
    return {
        "broker": [f"kafka://{server}" for server in settings.brokers.split(",")],
        "autodiscover": modules(settings),
        "origin": "app",
        "datadir": str(settings.folder / "faust"),
        "logging_config": logs.config(settings.log_level),
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "stream_wait_empty": False,
        "table_standby_replicas": 1,  # keeps Faust's assignor
        "worker_redirect_stdouts": False,
        **membership(settings),
        **CONSUMER,
        **PRODUCER,
        **web_server(settings),
    }


def membership(settings: Settings) -> dict[str, Any]:
    """One group whatever the roles; a worker that returns under its name gets its shards back at once."""
    # other nouns make another member: one that returns is given what it had, whatever it subscribes to now
    name = "-".join((settings.instance_id, *settings.nouns)) if settings.instance_id else None
    return {
        "consumer_group_instance_id": name,
        "broker_commit_interval": 2.0,
        "broker_session_timeout": SESSION_S,
        "broker_heartbeat_interval": 1.0,
        "broker_rebalance_timeout": 20.0,
    }


CONSUMER: dict[str, Any] = {"consumer_auto_offset_reset": "earliest", "consumer_max_fetch_size": 1 << 20}
PRODUCER: dict[str, Any] = {
    "producer_acks": -1,
    "producer_linger": 0.0,
    "producer_max_batch_size": 16_384,
    "producer_compression_type": "lz4",
    "producer_max_request_size": 20 << 20,
    "producer_request_timeout": 30.0,
}
"""Idempotence and the rest that Faust has no setting for: app/exactly_once/producer.py."""


def web_server(settings: Settings) -> dict[str, Any]:
    """Where the web server listens, and what other workers would call it."""
    return {
        "web_port": settings.web_port,
        "web_bind": settings.web_bind,
        "web_host": settings.web_bind,
        "canonical_url": f"http://{settings.instance_id or 'worker'}",  # the same after a restart on another port
    }


def modules(settings: Settings) -> list[str]:
    """Leaf modules, for a package would hide their import errors."""
    command_lines = ["app.cli", "app.flow_cli", "app.history_cli", "app.inquiry_cli"]
    modules = [*[f"agents.{noun}" for noun in settings.nouns], *command_lines, "web.health"]
    if settings.is_gateway:
        modules += [
            "web.accounts",
            "web.cancelling",
            "web.registry",
            "web.order_books",
            "web.positions",
            "web.market_data",
            "web.alerts",
            "web.analytics",
            "web.windows",
            "web.inquiry_statistics",
            "web.inquiries",
            "web.inquiry_sockets",
            "web.fees",
            "web.sessions",
            "web.risk",
            "web.aliases",
            "web.sockets",
            "web.price_updates",
            "web.page",
        ]
        modules += (
            ["web.admin", "web.operations", "web.risk_controls", "web.desk"]
            if settings.profile is not Profile.PROD
            else []
        )
    if settings.profile is Profile.DEMO and "order_commands" in settings.nouns:
        modules.append("web.demo")  # the live market plays where its door is, be that a gateway or not
    return modules
