"""What is wrong with a line."""


def problems(text, longest):
    """Yield (line number, what is wrong)."""
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > longest:
            yield number, f"longer than {longest}"
        if line != line.rstrip():
            yield number, "ends in a space"
