"""Ticks of US equities in AlgoSeek's layout, as QuantConnect's Lean has them: one file a day, symbol and kind.

Times are milliseconds since midnight in New York, prices are in 1/10000. Trades and quotes are per exchange; a quote
has one side, the other stays as it was. Named `ibm_20131007_trade.csv`. Rows are numbered by day and line.
"""

from app.feeds.frames import Fault, FaultCode, Frame, Observation, Passed
from app.feeds.venue import Found, Venue
from domain.trade_conditions import effect_of_flags

TRADE_HEADER = b"time_ms,price_e4,size,exchange,condition_hex,suspicious"
QUOTE_HEADER = b"time_ms,bid_e4,bid_size,ask_e4,ask_size,exchange,condition,suspicious"
ROWS_A_DAY = 100_000_000
EXCHANGES = {
    "A": "XASE",
    "B": "XBOS",
    "C": "XCIS",
    "D": "XADF",
    "J": "EDGA",
    "K": "EDGX",
    "M": "XCHI",
    "N": "XNYS",
    "P": "ARCX",
    "Q": "XNAS",
    "T": "XNAS",
    "W": "CBSX",
    "X": "XPHL",
    "Y": "BATY",
    "Z": "BATS",
}
"""Participants of the consolidated tapes in 2013, as ISO 10383 (MIC) names them."""


class UsEquity(Venue):
    """Files of ticks."""

    name = "us-equity"

    def read(self, frame: Frame) -> Found:
        """What the line says; its source names the file and, after `:`, the line."""
        if frame.text in (TRADE_HEADER, QUOTE_HEADER):
            return Passed.HEADER
        name, _, line = frame.source.rpartition(":")
        symbol, day, kind = name.partition(".")[0].split("_")
        row = frame.text.decode().split(",")
        if row[-1] not in ("0", "1"):
            raise Fault(FaultCode.BAD_FIELD, f"{len(row)} fields, suspicious {row[-1][:20]!r}")
        if row[-1] == "1":
            return Passed.SUSPICIOUS
        number = int(day) * ROWS_A_DAY + int(line)
        return [(self._trade if kind == "trade" else self._quote)(symbol, row, frame.at, number)]

    def _trade(self, name: str, row: list[str], at: int, number: int) -> Observation:
        _, price, size, exchange, conditions, _ = row
        terms = self.symbols[name]
        effect = effect_of_flags(int(conditions, 16))
        amounts = terms.price(price), terms.quantity(size)
        return self.trade(
            terms, at, *amounts, None, str(number), number, conditions, *effect, EXCHANGES.get(exchange, exchange)
        )

    def _quote(self, name: str, row: list[str], at: int, number: int) -> Observation:
        _, bid, bid_size, ask, ask_size, exchange, _, _ = row
        terms = self.symbols[name]
        bids = (terms.price(bid), terms.quantity(bid_size)) if bid != "0" else (None, None)
        asks = (terms.price(ask), terms.quantity(ask_size)) if ask != "0" else (None, None)
        return self.quote(
            terms, at, number, bids[0], asks[0], bids[1], asks[1], exchange=EXCHANGES.get(exchange, exchange)
        )


def _mic(letter: str) -> str:
    return EXCHANGES.get(letter, letter)
