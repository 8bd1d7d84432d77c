import asyncio

from joygrpc.directory.facts import DirectoryChange
from joygrpc.directory.subscriptions import ChangeHub, ChangeSubscription

SNAPSHOT = DirectoryChange("snapshot")


def change(number: int) -> DirectoryChange:
    return DirectoryChange("object_created", (number,))


async def test_subscribers_hear_changes_in_order() -> None:
    hub = ChangeHub()
    hub.publish([change(0)])
    async with ChangeSubscription(hub) as first, ChangeSubscription(hub) as second:
        hub.publish([change(1), change(2)])
        hub.publish([])
        assert [await anext(first), await anext(first)] == [change(1), change(2)]
        assert await anext(second) == change(1)


async def test_who_does_not_keep_up_hears_of_a_snapshot_instead() -> None:
    hub = ChangeHub()
    async with ChangeSubscription(hub, limit=3) as slow:
        hub.publish([change(number) for number in range(10)])
        hub.publish([change(11)])
        assert [await anext(slow), await anext(slow)] == [SNAPSHOT, change(11)]


async def test_waiting_ends_with_news_or_with_the_context() -> None:
    hub = ChangeHub()
    subscription = ChangeSubscription(hub)
    async with subscription:
        waiting = asyncio.ensure_future(anext(subscription))
        await asyncio.sleep(0)
        hub.publish([change(1)])
        assert await waiting == change(1)

        async def rest() -> list[DirectoryChange]:
            return [told async for told in subscription]

        remaining = asyncio.ensure_future(rest())
        await asyncio.sleep(0)
    assert await remaining == []
    hub.publish([change(2)])
