"""A system call filter, compiled here: small containers have no libseccomp to do it.

architecture other than ours, x32 numbers ─► the process is killed
clone3 ─► ENOSYS, so that the C library falls back to clone, whose flags can be read
what reaches beyond the sandbox (namespaces, mounts, other processes, the kernel) ─► EPERM
socket families ─► those allowed by the layer; the others EPERM
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Collection, Iterable

from jidoka.sandbox.syscalls import PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, prctl

INET_FAMILIES = (2, 10, 16)
"""IPv4, IPv6, and the netlink that lists interfaces."""
LOCAL_FAMILIES = (1, *INET_FAMILIES)
"""These and unix sockets: for a network namespace of its own."""

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_MODE_FILTER = 2
_NUMBER, _ARCHITECTURE, _FIRST, _SECOND = 0, 4, 16, 24
_X32 = 0x40000000
_NEW_NAMESPACES = 0x7E020000
_TERMINAL_INJECTION = (0x5412, 0x541C)
"""TIOCSTI and TIOCLINUX: typing into the terminal of who started us."""

_SET_ID_BITS = 0o6000
_THIRD, _FOURTH = 32, 40

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# each name with its number on x86_64 and on aarch64
_CALLS = {
    "ioctl": (16, 29),
    "clone": (56, 220),
    "clone3": (435, 435),
    "socket": (41, 198),
    "prlimit64": (302, 261),
    "truncate": (76, 45),
}
_DENIED = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "perf_event_open": (298, 241),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "pidfd_getfd": (438, 438),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "syslog": (103, 116),
    "acct": (163, 89),
    "quotactl": (179, 60),
}
_DENIED_SHARED = {
    # without an IPC namespace these reach other programs of the same user
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
}
# calls that give a file its mode, with where the mode stands; -1: not on that machine
_MODES = {
    "chmod": (90, -1, _SECOND),
    "fchmod": (91, 52, _SECOND),
    "fchmodat": (268, 53, _THIRD),
    "fchmodat2": (452, 452, _THIRD),
    "mknod": (133, -1, _SECOND),
    "mknodat": (259, 33, _THIRD),
    "creat": (85, -1, _SECOND),
}
# the same for those that give one only when they make a file: where flags and mode stand
_OPENS = {"open": (2, -1, _SECOND, _THIRD), "openat": (257, 56, _THIRD, _FOURTH)}
_MAKES_A_FILE = 0o100 | 0o20000000
_OPENAT2 = 437
_OURS = {"x86_64": 0, "aarch64": 1}


def compile_filter(
    families: Collection[int], *, shared_namespaces: bool, truncate: bool = True
) -> bytes:
    """Return the filter as BPF instructions.

    Args:
        families: The socket families that may be opened.
        shared_namespaces: True where the command shares IPC and processes with the machine.
        truncate: False where nothing else guards truncating a file by its path.

    Raises:
        OSError: No table for this kind of machine.
    """
    machine = os.uname().machine
    if machine not in _ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"no system call table for {machine}")
    column = _OURS[machine]
    call = {name: numbers[column] for name, numbers in _CALLS.items()}
    denied = [*_DENIED.values(), *(_DENIED_SHARED.values() if shared_namespaces else ())]
    numbers = [pair[column] for pair in denied] + ([] if truncate else [call["truncate"]])
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        *_unless(_EQUAL, _ARCHITECTURES[machine], _KILL),
        (_LOAD, 0, 0, _NUMBER),
        *_when(_AT_LEAST, _X32, _KILL),
        *_when(_EQUAL, call["clone3"], _ERRNO | errno.ENOSYS),
        *_when(_EQUAL, _OPENAT2, _ERRNO | errno.ENOSYS),
        *(line for number in numbers for line in _when(_EQUAL, number, _ERRNO | errno.EPERM)),
        *_case(call["clone"], _FIRST, _when(_ANY_BIT, _NEW_NAMESPACES, _ERRNO | errno.EPERM)),
        *_case(call["ioctl"], _SECOND, _refuse(_TERMINAL_INJECTION)),
        *_case(call["socket"], _FIRST, _only(families)),
        *_no_set_id_files(column),
        *(_case(call["prlimit64"], _FIRST, _only((0,))) if shared_namespaces else ()),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *line) for line in program)


def apply_filter(program: bytes) -> None:
    """Put this process, and all that it starts, under the filter. There is no way back."""

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("lines", ctypes.c_char_p))

    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_SECCOMP, _MODE_FILTER, Program(len(program) // 8, program))


Line = tuple[int, int, int, int]


def _no_set_id_files(column: int) -> list[Line]:
    """Refuse set-user-id and set-group-id files: they outlive the sandbox, root's above all."""
    refusal = _when(_ANY_BIT, _SET_ID_BITS, _ERRNO | errno.EPERM)
    lines: list[Line] = []
    for *numbers, mode in _MODES.values():
        if numbers[column] >= 0:
            lines += _case(numbers[column], mode, refusal)
    for *numbers, flags, mode in _OPENS.values():
        if numbers[column] >= 0:
            making = [(_LOAD, 0, 0, mode), *refusal]
            skip = (_ANY_BIT, 0, len(making), _MAKES_A_FILE)
            lines += _case(numbers[column], flags, [skip, *making])
    return lines


def _when(test: int, value: int, answer: int) -> list[Line]:
    return [(test, 0, 1, value), (_RETURN, 0, 0, answer)]


def _unless(test: int, value: int, answer: int) -> list[Line]:
    return [(test, 1, 0, value), (_RETURN, 0, 0, answer)]


def _case(number: int, argument: int, lines: Iterable[Line]) -> list[Line]:
    """Return what decides one call by one argument; afterwards it is allowed."""
    body = [(_LOAD, 0, 0, argument), *lines, (_RETURN, 0, 0, _ALLOW)]
    return [(_EQUAL, 0, len(body), number), *body]


def _refuse(values: Iterable[int]) -> list[Line]:
    return [line for value in values for line in _when(_EQUAL, value, _ERRNO | errno.EPERM)]


def _only(values: Iterable[int]) -> list[Line]:
    allowed = [line for value in values for line in _when(_EQUAL, value, _ALLOW)]
    return [*allowed, (_RETURN, 0, 0, _ERRNO | errno.EPERM)]
