import pytest

from domain.trade_conditions import ALL, NOTHING, VOLUME_ONLY, Effect, effect_of, effect_of_flags


@pytest.mark.parametrize(
    ("conditions", "tape", "effect"),
    [
        ([], "C", ALL),
        (["@"], "C", ALL),
        (["@", "F"], "C", ALL),
        (["@", "F", "I"], "C", VOLUME_ONLY),
        (["@", "T"], "C", VOLUME_ONLY),
        (["W"], "C", VOLUME_ONLY),
        (["B"], "C", ALL),
        (["B"], "A", VOLUME_ONLY),
        (["M"], "A", NOTHING),
        (["@", "?"], "C", VOLUME_ONLY),
    ],
)
def test_the_strictest_condition_of_a_trade_decides(conditions: list[str], tape: str, effect: Effect) -> None:
    assert effect_of(conditions, tape) == effect


def test_an_odd_lot_adds_volume_and_sets_no_price() -> None:
    assert effect_of_flags(0x2000_0020) == VOLUME_ONLY
    assert effect_of_flags(0x20) == ALL
