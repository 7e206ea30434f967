from typing import Self

from wit_world.exports import counters


class Counter(counters.Counter):
    def __init__(self, start):
        self.count = start

    def next_value(self):
        self.count += 1
        return self.count

    @classmethod
    def merge(cls, taken: Self, seen: Self) -> Self:
        return Counter(taken.count + seen.count)

    def current(self):
        return self.count
