"""Landlock: a process gives up, for itself and all that it starts, what it does not need.

Paths that no rule names cannot be opened, made, removed or renamed. What the kernel's version does
not know yet is left out (`abi`), so the rules are as strict as this machine can be.
"""

from __future__ import annotations

import os
import stat
import struct

from jidoka.sandbox.syscalls import (
    LANDLOCK_ADD_RULE,
    LANDLOCK_CREATE_RULESET,
    LANDLOCK_RESTRICT_SELF,
    PR_SET_NO_NEW_PRIVS,
    prctl,
    syscall,
)

EXECUTE, WRITE_FILE, READ_FILE, READ_FOLDER = 1 << 0, 1 << 1, 1 << 2, 1 << 3
READ = READ_FILE | READ_FOLDER
RUN = EXECUTE | READ
_MAKE_DEVICES = 1 << 6 | 1 << 11
_FIRST_RIGHTS = (1 << 13) - 1
_RIGHTS_SINCE = {2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
_FOR_FILES = EXECUTE | WRITE_FILE | READ_FILE | 1 << 14 | 1 << 15
_TCP = 3
_SIGNALS_AND_ABSTRACT_SOCKETS = 3
TRUNCATE_ABI = 3
_TCP_ABI, _SCOPE_ABI = 4, 6
_ASK_VERSION = 1
_PATH_BENEATH = 1


def abi() -> int:
    """Return the version of Landlock here, 0 for none."""
    try:
        return syscall(LANDLOCK_CREATE_RULESET, None, 0, _ASK_VERSION)
    except OSError:
        return 0


def restrict(rules: list[tuple[str, int]], *, version: int, network: bool) -> None:
    """Leave this process only what `rules` (path, rights) grant. Paths that are missing grant none.

    Args:
        rules: What may be done beneath which path; -1 stands for everything but making devices.
        version: What `abi` answered, at least 1.
        network: Whether TCP connections stay possible.

    Raises:
        OSError: The kernel refused.
    """
    handled = _FIRST_RIGHTS
    for since, right in _RIGHTS_SINCE.items():
        handled |= right if version >= since else 0
    attribute = struct.pack("<Q", handled)
    if version >= _TCP_ABI:
        attribute += struct.pack("<Q", 0 if network else _TCP)
    if version >= _SCOPE_ABI:
        attribute += struct.pack("<Q", _SIGNALS_AND_ABSTRACT_SOCKETS)
    ruleset = syscall(LANDLOCK_CREATE_RULESET, attribute, len(attribute), 0)
    try:
        for path, rights in rules:
            _grant(ruleset, path, rights & handled & ~_MAKE_DEVICES)
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _grant(ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        mask = -1 if stat.S_ISDIR(os.fstat(fd).st_mode) else _FOR_FILES
        syscall(LANDLOCK_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("<Qi", rights & mask, fd), 0)
    finally:
        os.close(fd)
