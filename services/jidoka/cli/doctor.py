"""`jidoka doctor`: what is here, what works, and what to do about the rest."""

from __future__ import annotations

from jidoka.cli import options

MARKS = {"ok": "✓", "warning": "!", "bad": "✗"}


def command(as_json: options.AsJson = False) -> int:
    """Look at this machine and at the runtime. Nothing is started; no key is ever shown."""
    from jidoka.cli import checkup  # noqa: PLC0415
    from jidoka.cli.showing import print_json  # noqa: PLC0415

    findings = checkup.findings()
    bad = [finding for finding in findings if finding.state == "bad"]
    if as_json:
        checks = [{"name": f.name, "state": f.state, "text": f.text, **f.details} for f in findings]
        print_json({"ok": not bad, "checks": checks})
    else:
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            print(f"{MARKS[finding.state]} {finding.name.ljust(width)}  {finding.text}")
    return 1 if bad else 0
