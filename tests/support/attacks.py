"""What a command tries in order to get out.

An attack is a shell script; it has got out when it prints the canary or ESCAPED, or when its trace
is found outside.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jidoka.core.tooling import Sandbox
from tests.support.layers import run

CANARY = "canary-7f3a9c"


@dataclass(frozen=True, slots=True)
class Scene:
    """A project with neighbours worth attacking."""

    project: Path
    outside: Path
    tcp_port: int
    neighbour: int
    """A process of the same user outside, with the canary in its environment."""

    def fill(self, script: str) -> str:
        return (
            script.replace("{project}", str(self.project))
            .replace("{outside}", str(self.outside))
            .replace("{port}", str(self.tcp_port))
            .replace("{neighbour}", str(self.neighbour))
        )


@contextmanager
def standing_scene(folder: Path) -> Generator[Scene]:
    """Have a project with a repository, and beside it files, a TCP and a unix socket."""
    project, outside = folder / "project", folder / "outside"
    project.mkdir(parents=True)
    outside.mkdir()
    (outside / "secret").write_text(CANARY)
    (folder / "project2").mkdir()
    (folder / "project2" / "secret").write_text(CANARY)
    subprocess.run(["git", "init", "-q", str(project)], check=True, timeout=20)
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        # a unix socket's name has room for 107 bytes only
        here = Path.cwd()
        os.chdir(outside)
        unix.bind("sock")
        os.chdir(here)
        unix.listen()
        with subprocess.Popen(["/bin/sleep", "600"], cwd=outside, env={"KEY": CANARY}) as neighbour:
            yield Scene(project, outside, tcp.getsockname()[1], neighbour.pid)
            neighbour.kill()


READS = {
    "a file beside the project": "cat {outside}/secret",
    "a sibling whose name begins alike": "cat {project}2/secret",
    "through ..": "cat ../outside/secret",
    "through a link to a file": "ln -s {outside}/secret l; cat l",
    "through a link to a folder": "ln -s {outside} d; cat d/secret",
    "through a hard link": "ln {outside}/secret h && cat h",
    "through /proc/self/root": "cat /proc/self/root{outside}/secret",
    "through /proc/1/root": "cat /proc/1/root{outside}/secret",
    "through a neighbour's root": "cat /proc/{neighbour}/root{outside}/secret",
    "through a neighbour's cwd": "cd /proc/{neighbour}/cwd && cat {outside}/secret",
    "through /dev/fd": "for n in 3 4 5 6 7 8 9 10; do cat /dev/fd/$n; done",
    "a neighbour's environment": "cat /proc/{neighbour}/environ | tr '\\0' '\\n'",
    "anyone's environment": "cat /proc/*/environ | tr '\\0' '\\n'",
    "the own environment": "env",
    "a neighbour's memory": "head -c 1000000 /proc/{neighbour}/mem | strings",
    "a neighbour's descriptors": "cat /proc/{neighbour}/fd/*",
    "copying from outside": "cp {outside}/secret mine; cat mine",
    "renaming from outside": "mv {outside}/secret mine; cat mine",
    "a tar of outside": "tar cf - -C {outside} . | tar xf - -O",
    "python by descriptor": (
        'python -c \'import os; f = os.open("{outside}", os.O_PATH); '
        'print(os.read(os.open("secret", 0, dir_fd=f), 99).decode())\''
    ),
    "a bind mount": "mkdir m; mount --bind {outside} m; cat m/secret",
    "a user namespace": "unshare -Urm sh -c 'mount --bind {outside} /mnt; cat /mnt/secret'",
    "a chroot": "chroot / cat {outside}/secret",
    "the files of a user": "cat ~root/.bashrc /root/.bashrc && echo ESCAPED",
    "the password hashes": "cat /etc/shadow && echo ESCAPED",
    "the ssh keys of the machine": "cat /etc/ssh/ssh_host_* && echo ESCAPED",
    "the kernel's log": "dmesg && echo ESCAPED",
    "the kernel's memory": "cat /dev/mem /proc/kcore | head -c 10 | grep -c . && echo ESCAPED",
    "a block device": "cat /dev/vda /dev/sda | head -c 10 | grep -c . && echo ESCAPED",
}

WRITES = {
    "a file beside the project": "echo x > {outside}/planted",
    "through ..": "echo x > ../outside/planted",
    "through a link to a folder": "ln -s {outside} d; echo x > d/planted",
    "through a dangling link": "ln -s {outside}/planted l; echo x > l",
    "appending": "echo x >> {outside}/secret",
    "truncating": ": > {outside}/secret",
    "truncating by path": "truncate -s 0 {outside}/secret",
    "removing": "rm -f {outside}/secret",
    "renaming over it": "echo x > n; mv n {outside}/secret",
    "a folder": "mkdir {outside}/planted",
    "a socket": "python -c 'import socket; socket.socket(1).bind(\"{outside}/planted\")'",
    "through a hard link": "ln {outside}/secret h && echo x > h",
    "through a descriptor in /proc": "echo x > /proc/self/root{outside}/planted",
    "a neighbour's memory": "echo x > /proc/{neighbour}/mem",
}

ACTS = {
    "TCP to this machine": (
        "python -c 'import socket; socket.create_connection((\"127.0.0.1\", {port}), 2)' "
        "&& echo ESCAPED"
    ),
    "TCP by bash": "exec 3<>/dev/tcp/127.0.0.1/{port} && echo ESCAPED",
    "a unix socket outside": (
        "python -c 'import socket; socket.socket(1).connect(\"{outside}/sock\")' && echo ESCAPED"
    ),
    "UDP": (
        'python -c \'import socket; s = socket.socket(2, 2); s.connect(("192.0.2.1", 53)); '
        's.send(b"x")\' && echo ESCAPED'
    ),
    "a virtual machine's socket": "python -c 'import socket; socket.socket(40, 1)' && echo ESCAPED",
    "the kernel's crypto socket": "python -c 'import socket; socket.socket(38, 5)' && echo ESCAPED",
    "raw packets": "python -c 'import socket; socket.socket(17, 3)' && echo ESCAPED",
    "a signal to a neighbour": "kill -0 {neighbour} && echo ESCAPED",
    "tracing a neighbour": (
        "python -c 'import ctypes; "
        "exit(ctypes.CDLL(None).ptrace(16, {neighbour}, 0, 0))' && echo ESCAPED"
    ),
    "limits of a neighbour": "prlimit --pid {neighbour} --nofile && echo ESCAPED",
    "a namespace": "unshare -U true && echo ESCAPED",
    "a namespace by clone": (
        "python -c 'import ctypes; r = ctypes.CDLL(None).syscall(56, 0x10000011, 0, 0, 0, 0); "
        'print("ESCAPED" if r > 0 else "")\''
    ),
    "entering a neighbour's namespaces": "nsenter -t {neighbour} -m true && echo ESCAPED",
    "a mount": "mount -t tmpfs none /mnt && echo ESCAPED",
    "io_uring": (
        "python -c 'import ctypes; b = ctypes.create_string_buffer(256); "
        'print("ESCAPED" if ctypes.CDLL(None).syscall(425, 1, b) >= 0 else "")\''
    ),
    "bpf": (
        "python -c 'import ctypes; b = ctypes.create_string_buffer(256); "
        'print("ESCAPED" if ctypes.CDLL(None).syscall(321, 0, b, 72) >= 0 else "")\''
    ),
    "a keyring": (
        "python -c 'import ctypes; "
        'print("ESCAPED" if ctypes.CDLL(None).syscall(250, 0, -3, 1) >= 0 else "")\''
    ),
    "typing into a terminal": (
        "python -c 'import fcntl; fcntl.ioctl(0, 0x5412, b\"x\")' && echo ESCAPED"
    ),
    "a 32-bit call": (
        "python -c 'import ctypes; ctypes.CDLL(None).syscall(0x40000000 + 39)' && echo ESCAPED"
    ),
    "loading a module": "modprobe dummy && echo ESCAPED",
    "a set-user-id program to leave behind": "cp /bin/sh s; chmod u+s s && echo ESCAPED",
    "a set-group-id program by its descriptor": (
        "python -c 'import os; os.fchmod(os.open(\"g\", os.O_CREAT), 0o2755)' && echo ESCAPED"
    ),
    "a set-user-id program from its birth": (
        "python -c 'import os; os.open(\"b\", os.O_CREAT, 0o4755)' && echo ESCAPED"
    ),
    "becoming another user": (
        "python -c 'import os; os.setgroups([0, 1]); os.setuid(1)' && echo ESCAPED"
    ),
    # what is there is written again, so that the machine stays as it is when it works
    "writing a kernel setting": (
        'p=/proc/sys/kernel/core_pattern; v=$(cat $p) && echo "$v" > $p && echo ESCAPED'
    ),
    "any writable kernel setting": (
        "find /proc/sys /proc/irq /proc/bus /proc/fs /proc/acpi /proc/sysrq-trigger -type f "
        "-writable 2>/dev/null | grep -q . && echo ESCAPED"
    ),
    "the control groups": "echo $$ > /sys/fs/cgroup/cgroup.procs && echo ESCAPED",
}

GIT = {
    "a hook": "echo evil > .git/hooks/pre-commit; chmod +x .git/hooks/pre-commit",
    "a setting": "git config core.fsmonitor evil",
    "the file of settings": "printf '[core]\\nfsmonitor = evil\\n' >> .git/config",
    "a link to other settings": "echo {project}/evil > .git/commondir",
    "filters": "mkdir -p .git/info; echo '* filter=evil' > .git/info/attributes",
    "another .git in its place": (
        "cp -r .git evil; echo evil > evil/hooks/pre-commit; mv .git old; mv evil .git"
    ),
    "the hooks moved away": (
        "mv .git/hooks .git/h; mkdir .git/hooks; echo evil > .git/hooks/pre-push"
    ),
    "a link in place of the hooks": "rm -rf .git/hooks; mkdir evil; ln -s ../evil .git/hooks",
    "no .git at all": "rm -rf .git",
}


KINDS = {"reads": READS, "writes": WRITES, "acts": ACTS, "git": GIT}


def git_settings(project: Path) -> dict[str, str]:
    """Return all that git runs or obeys in a project, by name."""
    git = project / ".git"
    files = [*(git / "hooks").glob("*"), git / "config", git / "commondir", git / "info/attributes"]
    return {str(path.relative_to(git)): path.read_text() for path in files if path.exists()}


async def gets_out(sandbox: Sandbox, scene: Scene, kind: str, name: str) -> bool:
    """Return whether one attack leaves a trace where it must not."""
    before = git_settings(scene.project)
    result = await run(sandbox, scene.fill(KINDS[kind][name]), scene.project)
    after = git_settings(scene.project)
    outside = {path.name for path in scene.outside.iterdir()}
    return (
        CANARY in result.head
        or "ESCAPED" in result.head
        or outside != {"secret", "sock"}
        or (scene.outside / "secret").read_text() != CANARY
        or any(before.get(name) != text for name, text in after.items())
    )
