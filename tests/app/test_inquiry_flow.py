from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import inquiry_flow
from app.codecs import Codec
from app.inquiry_flow import BOOKS, CLIENTS, INSTRUMENTS, flow
from app.registry import FileRegistry
from domain.names import is_name
from schemas.enums import InquirySide
from schemas.wire import NANOS

START = 1_700_000_000 * NANOS
CODEC = Codec(FileRegistry())


def digest(seed: int, start: int = START, *, is_realistic: bool = False) -> str:
    found = flow(seed, start, 10, 500, is_realistic=is_realistic)
    return inquiry_flow.digest(CODEC, [sent.inquiry for sent in found])


@pytest.mark.parametrize("is_realistic", [False, True])
def test_the_same_seed_and_start_give_the_same_payloads_and_others_others(is_realistic: bool) -> None:
    assert digest(1, is_realistic=is_realistic) == digest(1, is_realistic=is_realistic)
    assert digest(1, is_realistic=is_realistic) != digest(2, is_realistic=is_realistic)
    assert digest(1, is_realistic=is_realistic) != digest(1, START + NANOS, is_realistic=is_realistic)


def test_the_plain_flow_is_that_of_the_older_system() -> None:
    found = [sent.inquiry for sent in flow(1, START, 1, 5_000)]
    assert {each.instrument_id for each in found} == set(INSTRUMENTS)
    assert {each.book_id for each in found} == set(BOOKS)
    assert {each.client_id for each in found} == set(CLIENTS)
    assert {each.quantity // NANOS for each in found} == set(range(100, 5_001, 100))
    cents = [each.requested_price * 100 // NANOS for each in found if each.requested_price]
    assert (min(cents) >= 100, max(cents) <= 9_999, len(cents)) == (True, True, 5_000)
    assert [sent.after_ns for sent in flow(1, START, 4, 3)] == [0, NANOS // 4, NANOS // 2]


def test_the_realistic_flow_has_small_and_large_sizes_and_requests_without_a_price() -> None:
    sent = list(flow(1, START, 50, 5_000, is_realistic=True))
    found = [each.inquiry for each in sent]
    sides = Counter(each.client_side for each in found)
    assert 500 < sides[InquirySide.TWO_WAY] < 1_000
    assert 0.3 < sum(each.requested_price is None for each in found) / 5_000 < 0.6
    assert all(each.requested_price is None for each in found if each.client_side is InquirySide.TWO_WAY)
    sizes = sorted(each.quantity for each in found)
    assert sizes[2_500] <= 400 * NANOS < 1_000 * NANOS <= sizes[-50]
    assert sent[-1].after_ns / NANOS == pytest.approx(100, rel=0.05), "as many a second as were asked for"
    gaps = [after.after_ns - before.after_ns for before, after in pairwise(sent)]
    assert min(gaps) < NANOS // 2_000 < NANOS // 20 < max(gaps)


@given(st.integers(), st.integers(0, 2**60), st.booleans())
def test_whatever_is_made_up_has_names_that_are_some(seed: int, start: int, is_realistic: bool) -> None:
    for sent in flow(seed, start, 1, 3, is_realistic=is_realistic):
        inquiry = sent.inquiry
        assert all(map(is_name, (inquiry.client_id, inquiry.book_id, inquiry.instrument_id)))
        assert len(inquiry.inquiry_id or "") > 0
        assert inquiry.quantity % NANOS == 0 < inquiry.quantity
