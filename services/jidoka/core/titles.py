"""What a session is called by: the first line that was said in it."""

from __future__ import annotations

from jidoka.contract.content import Content, text_of

MOST_CHARACTERS = 60


def title_of(content: Content) -> str:
    """Return the first line of a message that says something, at most 60 characters of it.

    Empty where the message has no such line.
    """
    lines = (" ".join(line.split()) for line in text_of(content).splitlines())
    line = next((line for line in lines if any(map(str.isalnum, line))), "")
    if len(line) <= MOST_CHARACTERS:
        return line
    cut = line[: MOST_CHARACTERS - 1]
    whole = cut.rpartition(" ")[0] if " " in cut[MOST_CHARACTERS // 2 :] else cut
    return f"{whole}…"
