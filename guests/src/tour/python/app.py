import os
import sys
import time

import wit_world
from componentize_py_types import Err, Ok
from counters import Counter
from wit_world import exports
from wit_world.exports import values
from wit_world.exports.values import Colour
from wit_world.imports import environment, exit, store
from wit_world.imports.store import Cursor


class WitWorld(wit_world.WitWorld):
    def shout(self, line):
        wit_world.log(line.upper())


class Values(exports.Values):
    def negate(self, value):
        return not value

    def integers(self, a, b, c, d, e, f, g, h):
        return (a, b, c, d, e, f, g, h)

    def floats(self, a, b):
        return (a, b)

    def next_char(self, value):
        return chr(ord(value) + 1)

    def greet(self, name):
        return f"Grüße, {name}!"

    def split(self, text):
        return text.split(" ")

    def reverse(self, bytes):
        return bytes[::-1]

    def unsigned(self, a, b, c):
        return (a, b, c)

    def signed(self, a, b, c, d):
        return (a, b, c, d)

    def halves(self, a, b):
        return ([each / 2 for each in a], [each / 2 for each in b])

    def bools_and_chars(self, a, b):
        return (a, b)

    def next_colour(self, value):
        colours = list(Colour)
        after = colours.index(value) + 1
        return colours[after] if after < len(colours) else None

    def complement(self, value):
        return ~value

    def all_days(self, value):
        return value

    def move(self, start, by):
        return values.Point(start.x + by[0], start.y + by[1])

    def items(self, values):
        return values[::-1]

    def shapes(self, values):
        return values

    def area(self, of):
        match of:
            case values.Shape_Empty():
                return 0.0
            case values.Shape_Circle(radius):
                return 3 * radius * radius
            case values.Shape_NamedShape(name):
                raise Err(values.Failure_UnknownName(name))
            case _:
                raise Err(values.Failure_HasNoArea())

    def parse(self, text):
        if text.isascii() and text.isdigit() and int(text) < 1 << 32:
            return int(text)
        raise Err(f"not a number: {text}")

    def check(self, good):
        if not good:
            raise Err(None)

    def only_error(self, text):
        if text is not None:
            raise Err(text)

    def only_value(self, value):
        if value is None:
            raise Err(None)
        return value

    def nested(self, value):
        return value

    def results(self, values):
        return values

    def nothing(self):
        pass


class Counters(exports.Counters):
    def make(self, start):
        return [Counter(each) for each in start]

    def finish(self, taken):
        return taken.current()

    def total(self, seen):
        return sum(each.current() for each in seen)


def rest_of(cursor):
    total = 0
    with cursor:
        while (value := cursor.next_value()) is not None:
            total += value
    return total


class Work(exports.Work):
    def lookup(self, key):
        return store.get(key)

    def save(self, entries):
        return store.put_all(entries)

    def sum(self, start):
        return rest_of(Cursor(start))

    def sum_of(self, name):
        return rest_of(store.open(name))

    def drain(self, taken):
        return rest_of(taken)

    def look(self, seen):
        return store.rest(seen)

    def started(self, start):
        cursor = Cursor(start)
        cursor.next_value()
        return cursor

    def asked(self):
        return Cursor.asked()


class System(exports.System):
    def print(self, line):
        print(line)

    def print_error(self, line):
        print(line, file=sys.stderr)

    def variable(self, name):
        # `os.environ` is that of the build.
        return dict(environment.get_environment()).get(name)

    def arguments(self):
        return environment.get_arguments()

    def now(self):
        return int(time.time() * 1000)

    def random(self, count):
        return os.urandom(count)


class Endings(exports.Endings):
    def crash(self, message):
        raise ValueError(message)

    def leave(self, good):
        exit.exit(Ok(None) if good else Err(None))

    def spin(self):
        while True:
            pass

    def hoard(self):
        kept = []
        while True:
            kept.append(bytearray(1 << 20))


class Run(exports.Run):
    def run(self):
        print("hello from python")
        match environment.get_arguments()[1:]:
            case ["fail"]:
                raise Err(None)
            case ["crash"]:
                Endings().crash("boom from python")
            case ["leave"]:
                Endings().leave(False)
