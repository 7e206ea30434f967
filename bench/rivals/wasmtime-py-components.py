"""wasmtime's Python package, with components: `wasmtime-py-components.py GUEST FUNCTION SECONDS`.

Prints the calls of a function of `test:bench/values` per second on one thread, and measures once more for each line
that it reads.
"""

import sys
import time

from wasmtime import Engine, Store
from wasmtime.component import Component, Linker, Record

AT_A_TIME = {"add": 1000, "describe": 500, "echo": 1}


def arguments(function):
    if function == "add":
        return (1, 2)
    if function == "echo":
        return (bytes(1 << 20),)
    settings = Record()
    settings.__dict__.update(
        {
            "name": "a name",
            "width": 1,
            "height": 2,
            "depth": 3,
            "left": -4,
            "top": -5,
            "level": 6,
            "is-open": True,
            "is-new": False,
            "kind": "k",
        }
    )
    return (settings, "x" * 1024)


def main(path, function, seconds):
    engine = Engine()
    store = Store(engine)
    component = Component.from_file(engine, path)
    instance = Linker(engine).instantiate(store, component)
    owner = instance.get_export_index(store, "test:bench/values")
    found = instance.get_func(store, instance.get_export_index(store, function, owner))
    args = arguments(function)
    at_a_time = AT_A_TIME[function]

    def call():
        found(store, *args)
        if hasattr(found, "post_return"):
            found.post_return(store)

    def measure(seconds):
        start = time.perf_counter()
        calls = 0
        while time.perf_counter() - start < seconds:
            for _ in range(at_a_time):
                call()
            calls += at_a_time
        return calls / (time.perf_counter() - start)

    while True:
        measure(0.2)
        print(measure(float(seconds)), flush=True)
        if not sys.stdin.readline():
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
