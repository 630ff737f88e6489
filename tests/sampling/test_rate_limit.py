"""Places are given in order, never more than the limit, which follows what the endpoint does."""

import asyncio

from stages.sampling.rate_limit import START, Concurrency


def test_it_doubles_a_round_until_the_first_refusal_then_grows_by_one_a_round() -> None:
    concurrency = Concurrency(1000)
    for _ in range(START):
        concurrency.grow()
    assert concurrency.limit == 2 * START
    concurrency.shrink()
    assert concurrency.limit == 0.75 * 2 * START
    concurrency.shrink()
    assert concurrency.limit == 0.75 * 2 * START, "a burst of refusals counts once"
    for _ in range(48):
        concurrency.grow()
    # 48 times 1/limit, a little less than 1 as the limit grows
    assert 48.9 < concurrency.limit < 49


def test_it_stays_within_its_bounds() -> None:
    concurrency = Concurrency(20)
    for _ in range(100):
        concurrency.grow()
    assert concurrency.limit == 20
    for _ in range(100):
        concurrency._shrunk = 0.0
        concurrency.shrink()
    assert concurrency.limit == 1


def test_places_are_given_in_order_and_never_more_than_there_are() -> None:
    concurrency, order, most, under_way = Concurrency(3), [], 0, 0

    async def work(name: int) -> None:
        nonlocal most, under_way
        await concurrency.enter()
        under_way += 1
        most = max(most, under_way)
        order.append(name)
        await asyncio.sleep(0.001)
        under_way -= 1
        concurrency.leave()

    async def all_of_them() -> None:
        await asyncio.gather(*(work(name) for name in range(20)))

    asyncio.run(all_of_them())
    assert order == list(range(20))
    assert most == 3


def test_a_grown_limit_lets_those_in_who_wait() -> None:
    async def entered() -> bool:
        concurrency = Concurrency(START + 1)
        for _ in range(START):
            await concurrency.enter()
        waiting = asyncio.ensure_future(concurrency.enter())
        await asyncio.sleep(0)
        assert not waiting.done()
        concurrency.grow()
        await asyncio.sleep(0)
        return waiting.done()

    assert asyncio.run(entered())
