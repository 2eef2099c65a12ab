from typing import Any

from desk import CLIENT_BUYS, CLIENT_SELLS, START, accept, by_hand, decide, desk_with, inquire, quote, respond
from examples import units
from machines import Machine

from domain.inquiry_statistics import GROUPS, Figures, figures
from schemas.wire import NANOS

SECOND = NANOS


def day() -> Machine:
    """Of ann's four inquiries two are done, one is covered; bob's is refused."""
    desk = desk_with(by_hand(life_ns=100 * SECOND, firm_ns=50 * SECOND))
    for number, command in enumerate(
        (
            inquire("1", CLIENT_BUYS, 100, client="cpt1", client_tier="gold"),
            quote("1", ask="100.50"),
            accept("1"),
            inquire("2", CLIENT_SELLS, 50, "99.50", client="cpt1"),
            decide("2", "ACCEPT"),
            inquire("3", CLIENT_BUYS, 10, client="cpt1"),
            quote("3", ask="100.50"),
            respond("3", "COVERED", cover_price=units("100.30")),
            inquire("4", CLIENT_SELLS, 10, client="cpt1"),
            quote("4", bid="99"),
            respond("4", "REJECT"),
            inquire("5", client="cpt2"),
            decide("5", "PASS"),
        )
    ):
        desk.run(command, at=START + number * SECOND)
    return desk


def of(desk: Machine, by: str, since: int = 0, until: int = 2**62, **mids: int) -> dict[str, Figures]:
    rows: list[Any] = [row for _, row in desk.state.inquiries.scan()]
    return figures(rows, GROUPS[by], since, until, mids)


def test_figures_of_a_client() -> None:
    found = of(day(), "client", AAPL=units(100))
    assert list(found) == ["cpt1", "cpt2"]
    ann = found["cpt1"]
    assert (ann.inquiries, ann.quoted, ann.done, ann.lost) == (4, 4, 2, 1)
    assert ann.hit_ratio == NANOS // 2
    assert ann.cover_distance == units("0.20")
    assert (ann.volume, ann.value) == (units(150), units("10050") + units("4975"))
    assert ann.pnl == units(50) + units(25), "sold half a dollar above the middle, bought half a dollar below"
    assert (ann.response_ns, ann.response_ns_max) == (SECOND, SECOND)


def test_who_was_never_quoted_has_no_ratio() -> None:
    bob = of(day(), "client")["cpt2"]
    assert (bob.inquiries, bob.quoted, bob.hit_ratio, bob.cover_distance) == (1, 0, None, None)


def test_a_window_counts_what_ended_in_it() -> None:
    desk = day()
    first = of(desk, "instrument", until=START + 3 * SECOND)["AAPL"]
    rest = of(desk, "instrument", since=START + 3 * SECOND)["AAPL"]
    assert (first.inquiries, rest.inquiries) == (1, 4)
    assert list(of(desk, "tier")) == ["", "gold"]


def test_without_a_price_of_now_nothing_is_said_of_profit() -> None:
    assert of(day(), "client")["cpt1"].pnl == 0
