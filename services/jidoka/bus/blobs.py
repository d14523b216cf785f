"""Large values, outside the log: written once, named by their session and their own hash.

`blob:<session id>/<sha256>`. A name shared by sessions would let the deletion of one erase what
another still refers to. The layout is that of NATS' object store, so its tools read them too:
https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-20.md
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final, Protocol

from nats.js.errors import APIError

from jidoka.bus.connection import Bus
from jidoka.bus.follower import Filter, read
from jidoka.bus.refusals import WRONG_LAST_SEQUENCE, raised
from jidoka.contract import subjects
from jidoka.contract.content import BlobRef
from jidoka.contract.errors import InvalidMessage, TooLarge, Unavailable
from jidoka.contract.ids import is_session_id

STORE_STREAM: Final = f"OBJ_{subjects.BLOBS_STORE}"
MOST_BYTES: Final = 256 * 1024 * 1024
CHUNK_BYTES: Final = 128 * 1024
STEP_TIMEOUT_S: Final = 10.0
_REF = re.compile(r"blob:([a-z0-9_-]{1,64})/([0-9a-f]{64})")


class Blobs(Protocol):
    """Where large values are kept."""

    async def put(
        self, session_id: str, value: bytes | Path, content_type: str = "application/octet-stream"
    ) -> BlobRef:
        """Keep a value, or the content of a file, and return its reference; twice is once.

        Raises:
            TooLarge: more than 256 MiB. StorageFull, Unavailable, TimedOut: it is not kept.
        """
        ...

    async def get(self, ref: str, maximum_bytes: int = MOST_BYTES) -> bytes:
        """Return the value, compared with the hash in its name.

        Raises:
            Unavailable: it is not there, or not what it was. TooLarge: more than `maximum_bytes`.
        """
        ...

    async def delete(self, ref: str) -> None:
        """Erase a value; nothing happens where there is none."""
        ...

    async def delete_session(self, session_id: str) -> int:
        """Erase all values of a session and return how many there were."""
        ...


def ref_of(session_id: str, sha256: str) -> str:
    """Return the reference of a value."""
    if not is_session_id(session_id):
        raise ValueError(f"not a session id: {session_id!r}")
    return f"blob:{session_id}/{sha256}"


def parts_of(ref: str) -> tuple[str, str]:
    """Return session id and hash of a reference.

    Raises:
        InvalidMessage: it is no reference of a blob.
    """
    match = _REF.fullmatch(ref)
    if match is None:
        raise InvalidMessage.of("dataref", "not blob:<session id>/<sha256>")
    return match.group(1), match.group(2)


def check_size(size_bytes: int, maximum_bytes: int) -> None:
    """Raise `TooLarge` beyond the maximum."""
    if size_bytes > maximum_bytes:
        raise TooLarge(what="blob", size_bytes=size_bytes, maximum_bytes=maximum_bytes)


def checked(ref: str, value: bytes) -> bytes | None:
    """Return the value if it has the hash of its name, else None."""
    return value if hashlib.sha256(value).hexdigest() == parts_of(ref)[1] else None


class NatsBlobs:
    """The blobs in NATS' object store."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def put(
        self, session_id: str, value: bytes | Path, content_type: str = "application/octet-stream"
    ) -> BlobRef:
        """Keep a value, or the content of a file, and return its reference; twice is once."""
        size_bytes, sha256 = await asyncio.to_thread(measured, value)
        found = BlobRef(
            ref=ref_of(session_id, sha256),
            size_bytes=size_bytes,
            sha256=sha256,
            content_type=content_type,
        )
        if await self._meta(found.ref) is None:
            await self._write(found, value)
        return found

    async def get(self, ref: str, maximum_bytes: int = MOST_BYTES) -> bytes:
        """Return the value, compared with the hash in its name."""
        value = await self.find(ref, maximum_bytes)
        if value is None:
            raise Unavailable(part=ref, why="it is not there, or was altered")
        return value

    @property
    def is_closed(self) -> bool:
        """Whether there is no use in asking again."""
        return self._bus.client.is_closed

    async def find(self, ref: str, maximum_bytes: int = MOST_BYTES) -> bytes | None:
        """Return the value, None where it is not there or not what it was.

        Raises:
            TooLarge: more than `maximum_bytes`. Unavailable, TimedOut: the broker is away.
        """
        meta = await self._meta(ref)
        if meta is None:
            return None
        check_size(int(meta["size"]), maximum_bytes)
        pieces: list[bytes] = []
        wanted = Filter(STORE_STREAM, _chunks(meta["nuid"]))
        async with aclosing(read(self._bus, wanted)) as chunks:
            async for chunk in chunks:
                pieces.append(chunk.body)  # noqa: PERF401 - the iterator is closed by the with
        return checked(ref, b"".join(pieces))

    async def delete(self, ref: str) -> None:
        """Erase a value; nothing happens where there is none."""
        meta = await self._meta(ref)
        if meta is not None:
            await self._purge(_meta_subject(ref))
            await self._purge(_chunks(meta["nuid"]))

    async def delete_session(self, session_id: str) -> int:
        """Erase all values of a session and return how many there were."""
        refs: set[str] = set()
        wanted = Filter(STORE_STREAM, f"$O.{subjects.BLOBS_STORE}.M.*")
        async with aclosing(read(self._bus, wanted)) as metas:
            async for meta in metas:
                refs.add(f"blob:{json.loads(meta.body)['name']}")
        mine = [ref for ref in refs if ref.startswith(f"blob:{session_id}/")]
        for ref in mine:
            await self.delete(ref)
        return len(mine)

    async def _write(self, found: BlobRef, value: bytes | Path) -> None:
        """Store the chunks, then the entry that makes them a blob; the first writer wins."""
        nuid = self._bus.new_inbox().rpartition(".")[2]
        count = 0
        try:
            pieces = _pieces(value)
            while piece := await asyncio.to_thread(next, pieces, b""):
                await self._bus.store(_chunks(nuid), piece, {}, STEP_TIMEOUT_S)
                count += 1
            headers = {"Nats-Expected-Last-Subject-Sequence": "0"}
            body = json.dumps(_entry(found, nuid, count)).encode()
            await self._bus.store(_meta_subject(found.ref), body, headers, STEP_TIMEOUT_S)
        except APIError as refused:
            await self._purge(_chunks(nuid))
            if refused.err_code != WRONG_LAST_SEQUENCE:  # else somebody else has just put the same
                raise raised(refused, found.ref, found.size_bytes) from None

    async def _meta(self, ref: str) -> dict[str, Any] | None:
        parts_of(ref)
        subject = f"$JS.API.DIRECT.GET.{STORE_STREAM}.{_meta_subject(ref)}"
        answer = await self._bus.request(subject, b"", STEP_TIMEOUT_S)
        if not answer.data:
            return None
        meta: dict[str, Any] = json.loads(answer.data)
        return None if meta.get("deleted") else meta

    async def _purge(self, subject: str) -> None:
        try:
            await self._bus.api(f"STREAM.PURGE.{STORE_STREAM}", {"filter": subject})
        except APIError as refused:
            raise raised(refused, subject, 0) from None


def _entry(found: BlobRef, nuid: str, chunks: int) -> dict[str, Any]:
    digest = base64.urlsafe_b64encode(bytes.fromhex(found.sha256)).decode()
    return {
        "name": found.ref.removeprefix("blob:"),
        "bucket": subjects.BLOBS_STORE,
        "nuid": nuid,
        "size": found.size_bytes,
        "chunks": chunks,
        "digest": f"SHA-256={digest}",
        "headers": {"content-type": [found.content_type]},
        "options": {"max_chunk_size": CHUNK_BYTES},
    }


def _chunks(nuid: str) -> str:
    return f"$O.{subjects.BLOBS_STORE}.C.{nuid}"


def _meta_subject(ref: str) -> str:
    name = base64.urlsafe_b64encode(ref.removeprefix("blob:").encode()).decode()
    return f"$O.{subjects.BLOBS_STORE}.M.{name}"


def _pieces(value: bytes | Path) -> Iterator[bytes]:
    if isinstance(value, bytes):
        for start in range(0, len(value), CHUNK_BYTES):
            yield value[start : start + CHUNK_BYTES]
        return
    with value.open("rb") as file:
        while piece := file.read(CHUNK_BYTES):
            yield piece


def measured(value: bytes | Path) -> tuple[int, str]:
    """Return size and hash of a value that is not too large."""
    digest, size_bytes = hashlib.sha256(), 0
    for piece in _pieces(value):
        size_bytes += len(piece)
        check_size(size_bytes, MOST_BYTES)
        digest.update(piece)
    return size_bytes, digest.hexdigest()
