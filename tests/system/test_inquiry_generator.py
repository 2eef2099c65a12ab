"""The generator of inquiries beside a running system: as many a second as were asked for, and every one is answered."""

import pytest
from system import System

RATE_ERROR_MAX = 0.05


@pytest.mark.alone
@pytest.mark.parametrize(("rate", "seconds"), [(50, 10), pytest.param(100, 60, marks=pytest.mark.slow)])
async def test_the_rate_is_that_which_was_asked_for(fresh_system: System, rate: int, seconds: int) -> None:
    count = rate * seconds
    status, said = await fresh_system.run(
        *("generate-inquiries", "--rate", str(rate), "--count", str(count), "--seed", "6"),
        KAFKA_BROKERS=fresh_system.bootstrap,
    )
    assert status == 0, said
    sent = await fresh_system.records("inquiry-commands", count)
    arrived = [record["_time"][0] / 1_000 for record in sent]
    assert len(arrived) == count
    found = (count - 1) / (arrived[-1] - arrived[0])
    assert found == pytest.approx(rate, rel=RATE_ERROR_MAX), said
    for second in range(seconds - 1):
        part = sum(second <= at - arrived[0] < second + 1 for at in arrived)
        assert part == pytest.approx(rate, rel=0.2), f"no bursts and no gaps: {part} in second {second}"

    async def all_are_answered() -> bool:
        events = await fresh_system.records("inquiry-events")
        return len({each["inquiry_id"] for each in events if each["_message"] == "InquiryEvent"}) == count

    await fresh_system.eventually(all_are_answered, 20)
