"""Settings from lines of NAME=VALUE."""


def load_settings(text, *, strict=False):
    """Return the settings in `text`; with `strict`, a line that is none is an error."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals:
            found[name.strip()] = value.strip()
        elif strict and line.strip():
            raise ValueError(f"no setting: {line!r}")
    return found
