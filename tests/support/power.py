"""A disk whose power can be cut: ext4 on a loop device, shut down without flushing its journal."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import time
from pathlib import Path

SIZE_BYTES = 512 * 1024 * 1024
_SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN
_NO_LOG_FLUSH = 2  # what was not synced is gone
_UNMOUNT_S = 10.0


class LoopDisk:
    """A file system in a file. Everything that was not synced when the power goes is lost."""

    def __init__(self, folder: Path) -> None:
        self.image = folder / "disk.img"
        self.mounted_at = folder / "disk"
        self.mounted_at.mkdir(parents=True)
        with self.image.open("wb") as image:
            image.truncate(SIZE_BYTES)
        _run("mkfs.ext4", "-q", "-F", str(self.image))
        self.mount()

    def mount(self) -> None:
        """Mount it; after a cut the journal is replayed."""
        _run("mount", "-o", "loop", str(self.image), str(self.mounted_at))

    def power_on(self) -> None:
        """Let go of the dead file system and mount what had reached the disk.

        It is a copy that is mounted: some other process's mount namespace may hold the dead one.
        """
        self.unmount()
        dead, self.image = self.image, self.image.with_name(f"{self.image.name}+")
        _run("cp", "--sparse=always", str(dead), str(self.image))
        dead.unlink()
        self.mount()

    def cut(self) -> None:
        """Cut the power."""
        folder = os.open(self.mounted_at, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, _SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(folder)

    def unmount(self) -> None:
        """Unmount it, waiting for those who still hold a file."""
        deadline = time.monotonic() + _UNMOUNT_S
        while subprocess.run(["umount", str(self.mounted_at)], check=False).returncode:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.mounted_at} stays busy")
            time.sleep(0.1)


def why_not() -> str:
    """Return why no power can be cut here; empty where it can."""
    if os.geteuid() != 0:
        return "mounting a loop device needs root"
    if not Path("/dev/loop-control").exists():
        return "this system has no loop devices"
    return ""


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
