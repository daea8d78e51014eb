# SPDX-License-Identifier: GPL-3.0-or-later
# For type checkers alone: GNU Radio's own packages carry no types. There is no __init__.py here, so that this folder
# adds dislac to the gnuradio package that is installed.
from typing import Any

def __getattr__(name: str) -> Any: ...
