"""Runs a command on a pseudo-terminal: terminal.py STEPS COMMAND...

STEPS is a JSON array of {"type": text}, {"until": text}, {"resize": columns} and {"signal": name}. Prints what the
terminal showed and how the command ended as a JSON object.
"""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

PATIENCE = 50  # seconds

steps, command = json.loads(sys.argv[1]), sys.argv[2:]


def resize(terminal, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


child, terminal = pty.fork()
if child == 0:
    os.execvp(command[0], command)
resize(terminal, 80)

screen = b""
deadline = time.monotonic() + PATIENCE


def read():
    """Takes in what is shown; False when the other end is closed."""
    global screen
    ready, _, _ = select.select([terminal], [], [], deadline - time.monotonic())
    if not ready:
        os.kill(child, signal.SIGKILL)
        sys.exit(f"nothing came for too long; shown was {screen!r}")
    try:
        chunk = os.read(terminal, 65536)
    except OSError:  # Linux says EIO when the last one has closed it.
        return False
    screen += chunk
    return chunk != b""


seen = 0
for step in steps:
    if "type" in step:
        os.write(terminal, step["type"].encode())
    elif "resize" in step:
        resize(terminal, step["resize"])
    elif "signal" in step:
        os.kill(child, getattr(signal, f"SIG{step['signal']}"))
    else:
        wanted = step["until"].encode()
        while (at := screen.find(wanted, seen)) < 0:
            if not read():
                sys.exit(f"it ended before it showed {wanted!r}; shown was {screen!r}")
        seen = at + len(wanted)
while read():
    pass

_, status = os.waitpid(child, 0)
print(json.dumps({"screen": screen.decode("utf-8", "replace"), "status": os.waitstatus_to_exitcode(status)}))
