import asyncio

import wit_world
from componentize_py_types import Err
from wit_world.imports import monotonic_clock, slow


class WitWorld(wit_world.WitWorld):
    async def all(self, keys):
        return await asyncio.gather(*(slow.wait(key) for key in keys))

    async def fail(self, message):
        raise Err(message)

    async def sleep(self, milliseconds):
        await monotonic_clock.wait_for(milliseconds * 1_000_000)
        return milliseconds
