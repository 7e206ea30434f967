"""Runs a command for which memfd_create fails as on a system that has none: without-memfd.py COMMAND…

Exits with 77 where that cannot be arranged.
"""

import ctypes
import errno
import os
import platform
import struct
import sys

NUMBERS = {"x86_64": (0xC000003E, 319), "aarch64": (0xC00000B7, 279)}
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 22, 38
SECCOMP_MODE_FILTER = 2
ALLOW, FAIL = 0x7FFF0000, 0x00050000 | errno.ENOSYS
LOAD, IF_EQUAL, RETURN = 0x20, 0x15, 0x06


def unavailable(why):
    print(f"memfd_create cannot be made to fail: {why}", file=sys.stderr)
    sys.exit(77)


if sys.platform != "linux" or platform.machine() not in NUMBERS:
    unavailable(f"{sys.platform} on {platform.machine()}")
architecture, number = NUMBERS[platform.machine()]
instructions = [
    (LOAD, 0, 0, 4),  # the architecture
    (IF_EQUAL, 0, 2, architecture),
    (LOAD, 0, 0, 0),  # the number of the call
    (IF_EQUAL, 1, 0, number),
    (RETURN, 0, 0, ALLOW),
    (RETURN, 0, 0, FAIL),
]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *i) for i in instructions))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(instructions), ctypes.addressof(code)))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
    unavailable(os.strerror(ctypes.get_errno()))
if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0) != 0:
    unavailable(os.strerror(ctypes.get_errno()))
try:
    os.memfd_create("probe")
except OSError as error:
    if error.errno != errno.ENOSYS:
        unavailable(os.strerror(error.errno))
else:
    unavailable("it still works")
os.execvp(sys.argv[1], sys.argv[1:])
