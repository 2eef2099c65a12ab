"""What gateways keep beside the replicas: trades in order though their rows lie in a ring, and numbers of books."""

from domain.resting import RestingOrder
from domain.trades import TradeRow
from schemas.enums import Side
from web.views import BooksView


def trade(number: int) -> TradeRow:
    return TradeRow(str(number), "ADAUSDT", 1, 1, number, Side.BUY, f"b{number}", "s", 1, 2, "ann", "bob")


def heard(view: BooksView) -> list[str]:
    found: list[str] = []
    view.listeners.append(lambda row: found.append(row.trade_id))
    return found


def test_a_trade_takes_the_row_of_the_oldest_and_its_place_behind_all_others() -> None:
    view = BooksView()
    told = heard(view)
    for number, key in ((100, "1"), (200, "2"), (300, "0"), (400, "1")):
        view.handlers["trades"](0, key, trade(number))
    assert list(view.trades[0].after(0)) == [(200, "2"), (300, "0"), (400, "1")]
    assert told == ["100", "200", "300", "400"]


def test_a_row_that_is_written_again_is_no_new_trade() -> None:
    view = BooksView()
    told = heard(view)
    for _ in range(2):
        view.handlers["trades"](0, "1", trade(100))
    assert told == ["100"]
    view.handlers["trades"](0, "1", None)
    assert list(view.trades[0].after(0)) == []


def test_the_order_that_rested_last_says_how_far_its_book_is() -> None:
    view = BooksView()
    for priority in (7, 3):
        order = RestingOrder(str(priority), "ann", "ADAUSDT", 1, Side.BUY, 1, 1, 1, priority, 0, 0, 0)
        view.handlers["orders"](0, f"ADAUSDT|{priority}", order)
    view.handlers["orders"](0, "ADAUSDT|7", None)
    assert view.depths["ADAUSDT"].sequence == 7
