# SPDX-License-Identifier: GPL-3.0-or-later
"""Files: recordings of the receive chains (SigMF), and fixes as JSON Lines, CSV, map,
and what other programs read."""

from .exports import EXPORTS, ExportError
from .fix_log import FixLog
from .fixes import fix_from_dict, fix_to_dict, fix_to_json, iterate_fixes, read_fixes
from .recorder import RecordingWriter
from .recording import RecordingReader
from .sigmf import Frame, RecordingError

__all__ = [
    "EXPORTS",
    "ExportError",
    "FixLog",
    "Frame",
    "RecordingError",
    "RecordingReader",
    "RecordingWriter",
    "fix_from_dict",
    "fix_to_dict",
    "fix_to_json",
    "iterate_fixes",
    "read_fixes",
]
