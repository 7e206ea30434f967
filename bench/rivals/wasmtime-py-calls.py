"""wasmtime's Python package: `wasmtime-py-calls.py GUEST SECONDS`.

Prints the calls of `add` per second on one thread, and measures once more for each line that it reads.
"""

import sys
import time

from wasmtime import Engine, Linker, Module, Store, WasiConfig

AT_A_TIME = 1000


def main(path, seconds):
    engine = Engine()
    linker = Linker(engine)
    linker.define_wasi()
    store = Store(engine)
    store.set_wasi(WasiConfig())
    add = linker.instantiate(store, Module.from_file(engine, path)).exports(store)["add"]

    def measure(seconds):
        start = time.perf_counter()
        calls = 0
        while time.perf_counter() - start < seconds:
            for _ in range(AT_A_TIME):
                assert add(store, 1, 2) == 3
            calls += AT_A_TIME
        return calls / (time.perf_counter() - start)

    while True:
        measure(0.2)
        print(measure(float(seconds)), flush=True)
        if not sys.stdin.readline():
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
