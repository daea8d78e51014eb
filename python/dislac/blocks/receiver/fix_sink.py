# SPDX-License-Identifier: GPL-3.0-or-later
"""End of fixes: files, and a function of yours."""

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any

from gnuradio import gr

from ...io import FixLog
from ...io.fix_log import check_formats
from ...positioning import Fix, FixOrder
from ...scenario import Scenario
from .. import pmt_keys
from ..lifecycle import Guarded, message_handler

__all__ = ["fix_sink"]


class fix_sink(Guarded, gr.basic_block):
    """Writes fixes (PDU on the port `fix`) to files as they come, and hands them to a function.

    Those of several links come in the order of frames, and of one frame in that of the links.

    The folder gets `fixes.jsonl`, `fixes.csv`, where the scene has a place on the Earth
    `fixes.geojson`, and what other formats are asked for, each whole after every fix.

    Parameters
    ----------
    scenario
        its truth, receiver and origin go to the map.
    directory
        where to write; empty or None for no files.
    on_fix
        called with each fix, in a thread of the flowgraph; None for none.
    formats
        further ones, of "kml", "gpx" and "nmea".

    Raises
    ------
    ExportError
        there is no such format, or the scenario lacks what it needs: an origin, and for NMEA an
        epoch.
    """

    def __init__(
        self,
        scenario: Scenario,
        directory: str | PathLike[str] | None = None,
        on_fix: Callable[[Fix], None] | None = None,
        formats: Sequence[str] = (),
    ) -> None:
        gr.basic_block.__init__(self, "fix_sink", None, None)
        self.prepare()
        self.take_messages(pmt_keys.FIX, self.handle_fix)
        self._scenario = scenario
        self._directory = directory
        self._on_fix = on_fix
        self.export(formats)
        self._log: FixLog | None = None
        self._order: FixOrder | None = None
        self.fixes = 0

    def export(self, formats: Sequence[str]) -> None:
        """Chooses further formats, before the flowgraph runs.

        Raises
        ------
        ExportError
            as the class.
        """
        check_formats(formats, self._scenario)
        self._formats = tuple(formats)

    def begin(self) -> None:
        self.fixes = 0
        links = list(dict.fromkeys(link[:2] for link in self._scenario.links))
        self._order = FixOrder(links) if len(links) > 1 else None
        if self._directory:
            self._log = FixLog(self._directory, self._scenario, self._formats)
            for note in self._log.notes:
                self.logger.info(note)

    def finish(self) -> None:
        if self._order is not None:
            for fix in self._order.rest():
                self._take(fix)
        if self._log is not None:
            self._log.close()
            self._log = None

    @message_handler
    def handle_fix(self, message: Any) -> None:
        fix = pmt_keys.fix_from_pdu(message)
        for due in [fix] if self._order is None else self._order.add(fix):
            self._take(due)

    def _take(self, fix: Fix) -> None:
        if self._log is not None:
            self._log.write(fix)
        self.fixes += fix.valid
        if self._on_fix is not None:
            self._on_fix(fix)
