"""Titles → slugs: lower-case letters a to z, digits, single dashes."""

import re

SPECIAL = {"ä": "ae", "ö": "oe", "ü": "ue"}


def slug(title, longest=60):
    """Return the slug of a title; `untitled` where nothing is left."""
    text = title.lower()
    for letter, plain in SPECIAL.items():
        text = text.replace(letter, plain)
    text = re.sub(r"[^a-z0-9]+", "-", text)
    return text[:longest] or "untitled"
