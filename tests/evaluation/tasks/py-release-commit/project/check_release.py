"""Exit 0 when release 1.3.0 is complete."""

import re
import subprocess
import sys
from pathlib import Path

WANTED = "1.3.0"
HERE = Path(__file__).parent
missing = []
for name, pattern in {
    "setup.cfg": r"^version = (.+)$",
    "pkg/__init__.py": r'^__version__ = "(.+)"$',
    "CHANGELOG.md": r"^## (\S+)$",
}.items():
    found = re.search(pattern, (HERE / name).read_text(), re.MULTILINE)
    if found is None or found[1] != WANTED:
        missing.append(f"{name} says {found and found[1]}")
git = ["git", "-C", str(HERE)]
log = subprocess.run([*git, "log", "-1", "--format=%s"], capture_output=True, text=True).stdout
if WANTED not in log:
    missing.append(f"the last commit is {log.strip()!r}")
left = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True)
if left.returncode or left.stdout:
    missing.append(f"not committed: {left.stdout or left.stderr}")
print("\n".join(missing) or "complete")
sys.exit(bool(missing))
