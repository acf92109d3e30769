"""Turns into a command that dies with its parent, and that is not root where the command refuses to be.

    python -I -S launch.py --parent PID --signal NUMBER [--user keep|namespace|another] -- command …

A file of its own, run as a script: the work between fork and exec is done in an interpreter without threads.
"""

import ctypes
import os
import pwd
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION = 0x20080522
CLONE_NEWUSER = 0x10000000

libc = ctypes.CDLL(None, use_errno=True)


def an_ordinary_user() -> pwd.struct_passwd:
    """`nobody`, or whoever else is not root."""
    people = {person.pw_name: person for person in pwd.getpwall() if person.pw_uid != 0}
    return people.get("nobody") or next(iter(people.values()))


def enter_user_namespace() -> None:
    """Be an ordinary user to oneself while staying root for the files: needs no useradd and no chmod."""
    uid, gid = os.getuid(), os.getgid()
    stand_in = an_ordinary_user()
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWUSER) is refused here")
    Path("/proc/self/uid_map").write_text(f"{stand_in.pw_uid} {uid} 1")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/gid_map").write_text(f"{stand_in.pw_gid} {gid} 1")


def become_another() -> None:
    """Where namespaces are forbidden: give up being root, and keep the one right to enter root's folders."""
    person = an_ordinary_user()
    libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(person.pw_gid)
    os.setuid(person.pw_uid)
    keep_capability(CAP_DAC_OVERRIDE)


def keep_capability(number: int) -> None:
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    low, high = 1 << number, 0
    sets = (ctypes.c_uint32 * 6)(low, low, low, high, high, high)  # effective, permitted, inheritable
    if libc.capset(header, sets) != 0 or libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "a capability cannot be kept here")


def die_with_parent(parent: int, number: int) -> None:
    """Set last: the kernel forgets it when the user changes."""
    libc.prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        sys.exit("The supervisor ended before its child began.")


def main(arguments: list[str]) -> None:
    split = arguments.index("--")
    options = dict(zip(arguments[:split:2], arguments[1:split:2], strict=True))
    user = options.get("--user", "keep")
    if user == "namespace":
        enter_user_namespace()
    elif user == "another":
        become_another()
    die_with_parent(int(options["--parent"]), int(options["--signal"]))
    command = arguments[split + 1 :]
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
