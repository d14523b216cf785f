"""The zygote: a small pre-loaded process that forks one worker a session in milliseconds.

    python -m jidoka.agent.zygote FD

It has one thread, no event loop and no connection. Over the packet socket FD its host sends, as
JSON, first the settings and then one `WorkerStart` a packet, with the worker's lifeline as a
passed descriptor; back come `{"ready"}`, `{"started"}` and `{"exited"}`. When the host is gone
(end of file), the zygote ends; the workers see that by themselves through their lifelines.

Order matters before the first fork: load what workers need, warm it, `gc.freeze()`. Otherwise one
collection in a child copies the whole heap.
"""

from __future__ import annotations

import ctypes
import gc
import json
import logging
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from typing import Any, NoReturn

from jidoka.agent.process import Preloaded, Worker, preload
from jidoka.agent.zygote_protocol import PACKET_BYTES, WorkerSettings
from jidoka.contract.internal import WorkerStart
from jidoka.sandbox.lifeline import drop_lifeline

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def main() -> None:
    """Serve the host on the descriptor named in the arguments."""
    link = socket.socket(fileno=int(sys.argv[1]))
    _die_with_host()
    hello = json.loads(link.recv(PACKET_BYTES))
    settings = WorkerSettings(**hello)
    preloaded = preload(settings)
    drop_lifeline()
    _leave_orphans_to_host()
    woken = _wake_on_child()
    gc.collect()
    gc.freeze()
    ready = {"ready": os.getpid(), "sandbox": preloaded.sandbox.layer}
    link.send(json.dumps(ready).encode())
    _serve(link, woken, settings, preloaded)


def _die_with_host() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _leave_orphans_to_host() -> None:
    """Undo what the probe asked for: what a dead worker leaves behind is the host's to end."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 0)


def _wake_on_child() -> int:
    """Return a descriptor that is readable whenever a child has ended."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl+C is the runtime's to handle
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    return reading


def _serve(link: socket.socket, woken: int, settings: WorkerSettings, preloaded: Preloaded) -> None:
    while True:
        readable, _, _ = select.select([link, woken], [], [])
        if woken in readable:
            with suppress(BlockingIOError):
                os.read(woken, 4096)
            _report_exits(link)
        if link in readable:
            body, lifelines, _, _ = socket.recv_fds(link, PACKET_BYTES, 1)
            if not body:
                return
            start = WorkerStart.model_validate_json(body)
            pid = os.fork()
            if pid == 0:
                worker = Worker(settings, preloaded, start, lifelines[0])
                _become_worker(link, woken, worker)
            os.close(lifelines[0])
            link.send(json.dumps({"started": pid, "session_id": start.session_id}).encode())


def _report_exits(link: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        code = os.waitstatus_to_exitcode(status)
        report: dict[str, Any] = {"exited": pid, "exit_code": code if code >= 0 else None}
        report["signal"] = -code if code < 0 else None
        link.send(json.dumps(report).encode())


def _call_itself(name: str) -> None:
    """Set the name that `ps` and `top` show; by a file, since ctypes costs each worker memory."""
    comm = os.open("/proc/self/comm", os.O_WRONLY)
    os.write(comm, name.encode())
    os.close(comm)


def _become_worker(link: socket.socket, woken: int, worker: Worker) -> NoReturn:
    """Run the worker in the forked child; never come back."""
    code = 70  # EX_SOFTWARE, unless the worker says otherwise
    try:
        os.close(signal.set_wakeup_fd(-1))
        os.close(woken)
        link.close()
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        _call_itself(f"jidoka:{worker.start.session_id[:7]}")
        code = worker.run()
    except BaseException:
        logging.getLogger(__name__).exception("the worker failed")
        raise
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
