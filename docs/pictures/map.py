# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes docs/images/map.png: the map that ``dislac run paper --frames 10 --out DIR`` draws."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "images" / "map.png"


def main() -> None:
    command = [sys.executable, str(ROOT / "apps" / "dislac"), "run", "paper", "--frames", "10"]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*command, "--out", folder], check=True, stdout=subprocess.DEVNULL)
        shutil.copy(Path(folder) / "map.png", PICTURE)


if __name__ == "__main__":
    main()
