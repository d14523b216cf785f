"""A turn with nothing but subjects and JSON.

python plain_nats.py NATS_URL PROJECT MODEL PROMPT
"""

import asyncio
import json
import sys
import uuid

import nats


async def ask(bus, name, data):
    """Send one command and return what it was answered with."""
    command = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),  # the same id twice is recorded once
        "source": "/example/plain-nats",
        "type": f"jido.{name}.v1",
        "data": data,
    }
    reply = await bus.request(f"jido.command.{name}", json.dumps(command).encode(), timeout=30)
    answer = json.loads(reply.data)
    if answer["type"] != "jido.command.accepted.v1":
        raise SystemExit(answer["data"]["message"])
    return answer["data"]


async def main(url, project, model, prompt):
    """Open a session, say something, and print the log until the turn has ended."""
    async with await nats.connect(url) as bus:
        session = {"project_path": project, "llm": {"model": model}, "permission_mode": "full-auto"}
        session_id = (await ask(bus, "session.create", session))["session_id"]
        subject = f"jido.session.{session_id}.event.>"
        log = await bus.jetstream().subscribe(subject, ordered_consumer=True)
        await ask(bus, "message.submit", {"session_id": session_id, "content": prompt})
        async for message in log.messages:
            event = json.loads(message.data)
            print(event["sequence"], event["type"])
            if event["type"] == "jido.turn.ended.v1":
                print(event["data"]["answer"])
                return


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
