"""What a feed counts, for Prometheus. Labels are sources, outcomes and kinds: never instruments."""

from typing import Any

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from app.feeds.playing import Report
from schemas.wire import NANOS


class FeedCollector(Collector):
    """Reads a feed when somebody asks."""

    def __init__(self, source: str, report: Report) -> None:
        self._source, self._report = source, report

    def collect(self) -> Any:
        """Counters of frames, messages and flags; the skew of the clocks, and books that wait for a snapshot."""
        now = self._report.now()
        for name, documentation, label, counts in (
            ("feed_frames", "Frames of venues, by what became of them.", "outcome", now.frames),
            ("feed_messages", "Messages made of them.", "message", now.messages),
            (
                "feed_flags",
                "What was sent and is worth a look: stale, crossed, out_of_band, rounded.",
                "flag",
                now.flags,
            ),
        ):
            counter = CounterMetricFamily(name, documentation, labels=["source", label])
            for what, count in sorted(counts.items()):
                counter.add_metric([self._source, what], count)
            yield counter
        skew = GaugeMetricFamily(
            "feed_clock_skew_seconds", "Receive time minus the venue's, of the quickest.", labels=["source"]
        )
        if now.skew is not None:
            skew.add_metric([self._source], now.skew / NANOS)
        yield skew
        lost = GaugeMetricFamily("feed_books_lost", "Books that wait for a snapshot.", labels=["source"])
        lost.add_metric([self._source], now.lost)
        yield lost


def serve(port: int, source: str, report: Report) -> None:
    """Serves them on this port of the machine itself, as long as the process lives."""
    registry = CollectorRegistry()
    registry.register(FeedCollector(source, report))
    start_http_server(port, "127.0.0.1", registry)
