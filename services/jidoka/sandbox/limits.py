"""What one command may use, as a prefix that its own shell applies to itself before it begins."""

from __future__ import annotations

import shlex

from jidoka.core.tooling import Limits

_KIB = 1024


def limited_argv(shell: str, command: str, limits: Limits, *, first: str = "") -> list[str]:
    """Return the argv that runs `command` in `shell` under `limits`, hard and soft.

    A limit that is tighter already stays as it is. `first`: what the shell does before all.
    """
    block = _KIB if shell.endswith("bash") else _KIB // 2
    wanted = {
        "-c": 0,
        "-t": limits.cpu_s,
        "-d": limits.memory_bytes and limits.memory_bytes // _KIB,
        "-f": limits.file_bytes and limits.file_bytes // block,
        "-n": limits.open_files,
        # dash calls it -p, which is no settable limit in bash
        "-u": limits.processes,
    }
    lines = [f"ulimit {flag} {value}" for flag, value in wanted.items() if value is not None]
    if limits.processes is not None:
        lines[-1] += f" || ulimit -p {limits.processes}"
    prefix = "{ " + "; ".join(lines) + "; } 2>/dev/null"
    return [shell, "-c", f'{first}{prefix}; exec {shlex.quote(shell)} -c "$1"', "jidoka", command]
