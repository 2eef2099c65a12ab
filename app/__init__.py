"""The application: `faust -A app worker` finds the Faust app here."""

from app.main import app

from app import cli, feed_cli, flow_cli  # isort: skip - their commands belong to the app

__all__ = ["app", "cli", "feed_cli", "flow_cli"]
