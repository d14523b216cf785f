"""How a command knows, before it begins, that whoever wanted it is still there.

    this process ── holds the writing end of a pipe, to which nothing is ever written
    its commands ── inherit the reading end, and look at it once: readable means hung up

bubblewrap binds a command's life to its starter's with `PR_SET_PDEATHSIG`, but only some
milliseconds after it was started, and the first process inside to its own even later. A starter
that is killed within them would be outlived by its command. So the command's shell waits until
that first process has bound itself and then looks whether the starter lives: if it died before,
the command does not begin; if it dies later, the kernel ends the command.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

_LOOKS = 10_000
"""How often the shell looks whether the first process inside sleeps, which it does once bound."""


@dataclass(slots=True)
class _Lifeline:
    owner: int = 0
    ends: tuple[int, ...] = field(default=())


_mine = _Lifeline()


def lifeline_fd() -> int:
    """Return the reading end, for commands to inherit; it is made for the first command."""
    if _mine.owner != os.getpid():
        drop_lifeline()
        _mine.owner, _mine.ends = os.getpid(), os.pipe2(os.O_CLOEXEC)
    return _mine.ends[0]


def if_still_wanted(shell: str) -> str:
    """Return what the shell of a command in a PID namespace of its own does before it begins."""
    if not shell.endswith("bash"):
        return ""  # other shells cannot look without reading
    bound = f'read -r _ _ s _ </proc/1/stat; [ "$s" = S ] || ((++looks == {_LOOKS}))'
    fd = lifeline_fd()
    return f"until {bound}; do :; done; read -t 0 -u {fd} && exit 143; exec {fd}<&-; "


def drop_lifeline() -> None:
    """Let go of it: a forked child must not hold its parent's, or that would never hang up."""
    for end in _mine.ends:
        os.close(end)
    _mine.owner, _mine.ends = 0, ()
