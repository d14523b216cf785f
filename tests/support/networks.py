"""Network namespaces on a bridge: a program in one can be parted from all others, in silence.

The bridge has an address of this machine, where a broker may listen. To part is to take the cable
out of the bridge: nobody is told, packets vanish.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Network:
    """A bridge and the namespaces on it, named after this process."""

    name: str = field(default_factory=lambda: f"jd{os.getpid() % 100_000}")
    subnet: int = field(default_factory=lambda: os.getpid() % 250)
    members: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        """This machine's own address on the bridge."""
        return f"10.213.{self.subnet}.1"

    def build(self) -> None:
        """Make the bridge."""
        _ip("link", "add", self.name, "type", "bridge")
        _ip("addr", "add", f"{self.address}/24", "dev", self.name)
        _ip("link", "set", self.name, "up")

    def join(self, member: str) -> tuple[str, ...]:
        """Make a namespace; return what runs a command in it."""
        space, cable = self._space(member), self._cable(len(self.members))
        self.members.append(member)
        address = f"10.213.{self.subnet}.{len(self.members) + 1}/24"
        _ip("netns", "add", space)
        _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", space)
        _ip("link", "set", cable, "master", self.name, "up")
        _ip("-n", space, "addr", "add", address, "dev", "eth0")
        _ip("-n", space, "link", "set", "eth0", "up")
        _ip("-n", space, "link", "set", "lo", "up")
        return ("ip", "netns", "exec", space)

    def part(self, member: str) -> None:
        """Take the member's cable out."""
        _ip("link", "set", self._cable(self.members.index(member)), "nomaster")

    def heal(self, member: str) -> None:
        """Put it back."""
        _ip("link", "set", self._cable(self.members.index(member)), "master", self.name)

    def remove(self) -> None:
        """Take everything away; the processes in it have ended."""
        for number, member in enumerate(self.members):
            _ip("link", "del", self._cable(number), check=False)
            _ip("netns", "del", self._space(member), check=False)
        _ip("link", "del", self.name, check=False)

    def _space(self, member: str) -> str:
        return f"{self.name}-{member}"

    def _cable(self, number: int) -> str:
        return f"{self.name}v{number}"


@contextmanager
def network() -> Generator[Network]:
    """Yield a bridge without members, and remove it with its members afterwards."""
    made = Network()
    made.build()
    try:
        yield made
    finally:
        made.remove()


def why_not() -> str:
    """Return why there are no namespaces here; empty where there are."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "there is no program `ip` here"
    probe = f"jdp{os.getpid() % 100_000}"
    if _ip("link", "add", probe, "type", "bridge", check=False):
        return "this kernel has no bridges"
    _ip("link", "del", probe, check=False)
    return ""


def _ip(*arguments: str, check: bool = True) -> int:
    return subprocess.run(["ip", *arguments], check=check, capture_output=True).returncode
