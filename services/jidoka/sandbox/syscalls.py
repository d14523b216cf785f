"""System calls that Python has no function for, by number: the same on all machines."""

from __future__ import annotations

import ctypes
import os

OPENAT2 = 437
LANDLOCK_CREATE_RULESET = 444
LANDLOCK_ADD_RULE = 445
LANDLOCK_RESTRICT_SELF = 446

PR_SET_PDEATHSIG = 1
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

Argument = int | bytes | ctypes.Array[ctypes.c_char] | ctypes.Structure | None


_libc = ctypes.CDLL(None, use_errno=True)  # opens nothing: this process has it already


def _word(value: Argument) -> object:
    """Return `value` as a whole machine word: a variadic C function reads no narrower one."""
    if isinstance(value, int):
        return ctypes.c_long(value)
    return ctypes.byref(value) if isinstance(value, ctypes.Structure) else value


def syscall(number: int, *arguments: Argument) -> int:
    """Return what the system call answers, or raise the `OSError` of its errno."""
    answer = _libc.syscall(ctypes.c_long(number), *(_word(value) for value in arguments))
    return _checked(answer)


def prctl(option: int, *arguments: Argument) -> int:
    """Return what `prctl` answers, or raise the `OSError` of its errno."""
    padded = (*arguments, 0, 0, 0, 0)[:4]
    return _checked(_libc.prctl(ctypes.c_int(option), *(_word(value) for value in padded)))


def _checked(answer: int) -> int:
    if answer < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return answer
