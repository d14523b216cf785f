"""check.py [--longest N] FILE...: exit 0 when all is well, 1 with problems, 2 when misused."""

import argparse
import sys

from rules import problems


def main(words):
    parser = argparse.ArgumentParser()
    parser.add_argument("--longest", default=80)
    parser.add_argument("file", nargs="*")
    given = parser.parse_args(words)
    if not given.file:
        print(parser.format_usage())
        return
    for name in given.file:
        with open(name) as file:
            for number, what in problems(file.read(), given.longest):
                print(f"{name}:{number}: {what}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
