"""`jidoka status`: the embedded runtime, its programs, and every live session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jidoka.cli import options

if TYPE_CHECKING:
    from jidoka.client import Client

UNREACHABLE = 5


def command(as_json: options.AsJson = False) -> int:
    """Show what runs. Exit code 5 when nothing does; this command never starts anything."""
    from jidoka.cli import local_runtime  # noqa: PLC0415
    from jidoka.cli.showing import print_json, print_table  # noqa: PLC0415
    from jidoka.settings.storage import room_in  # noqa: PLC0415

    settings = local_runtime.settings_of_runtime()
    local = None if settings.nats_url else local_runtime.found(settings)
    room = room_in(settings.home)
    url = settings.nats_url or (local.nats_url if local else None)
    report: dict[str, Any] = {
        "nats_url": url,
        "home": str(settings.home),
        "ready": bool(url) if local is None else local.ready,
        "pid": local.pid if local else None,
        "monitor_url": local.monitor_url if local else None,
        "storage": {"free_bytes": room.free_bytes, "state": room.state},
        "programs": [] if local is None else [dict(each) for each in local.programs],
        "sessions": [],
    }
    if report["ready"]:
        report["sessions"] = _sessions()
    if as_json:
        print_json(report)
        return 0 if url else UNREACHABLE
    if not url:
        print(f"No runtime is up in {settings.home}. `jidoka up --detach` starts one.")
        return UNREACHABLE
    _print(report, print_table)
    return 0


def _sessions() -> list[dict[str, Any]]:
    from jidoka.cli.door import with_client  # noqa: PLC0415

    async def work(client: Client) -> list[dict[str, Any]]:
        return [
            {
                "session_id": info.session_id,
                "status": info.status,
                "worker_pid": info.worker_pid,
                "name": info.name,
                "phase": info.phase,
                "error": info.error.code if info.error else None,
            }
            for info in await client.list_sessions()
            if info.status != "closed"
        ]

    return with_client(work)


def _standing(session: dict[str, Any]) -> str:
    """Return the status, and what keeps the session from going on."""
    keeps = {"no_host": "no_host", "log_damaged": "degraded"}.get(session["error"])
    return ", ".join(word for word in (session["status"], keeps) if word)


def _print(report: dict[str, Any], print_table: Any) -> None:
    state = "ready" if report["ready"] else "starting"
    print(f"home {report['home']}: {state}")
    room = report["storage"]
    if room["state"] != "ok":
        what = "no message is taken" if room["state"] == "full" else "soon no message is taken"
        print(f"disk: {room['free_bytes'] / 1e6:.0f} MB free, {what}")
    if report["programs"]:
        rows = [
            (each["name"], str(each["pid"]), str(each["restarts"])) for each in report["programs"]
        ]
        print_table(("program", "pid", "restarts"), rows)
    rows = [
        (s["session_id"], s["name"], _standing(s), s["phase"], str(s["worker_pid"] or "-"))
        for s in report["sessions"]
    ]
    if rows:
        print_table(("session", "name", "status", "phase", "worker pid"), rows)
