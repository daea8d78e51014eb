# SPDX-License-Identifier: GPL-3.0-or-later
"""Calibration of the receive chains, out of frame vectors of a known transmitter."""

from os import PathLike

import numpy as np
from gnuradio import gr

from ...estimation import Calibration, CalibrationError
from ...scenario import Scenario, reception, routes
from ...scenario.calibration import write_calibration
from .. import pmt_keys
from ..lifecycle import Guarded, guarded

__all__ = ["calibrator"]


class calibrator(Guarded, gr.sync_block):
    """Gathers frame vectors, calibrates the receive chains from them, and ends the flowgraph.

    What comes in must have come from the scenario's transmitter directly: the satellite, or a bench
    transmitter where the scenario says that it is; the path may have any delay and carrier offset
    that the demodulator bears. A stream that ends earlier is calibrated from as many frames as it
    had. What is found is reported on the port `events` (`calibrated`), stands in the attribute
    `calibration` and is written to a file; or the flowgraph fails with the reason.

    Parameters
    ----------
    scenario
        arrays, beams, pilots and places come from here; it should know no calibration
        (`reception.for_calibration`), and the demodulator should use every frame.
    frames
        how many to gather, 8 or more.
    path
        file to write; empty or None for none.

    Raises
    ------
    CalibrationError
        fewer than 8 frames are asked for.
    """

    def __init__(
        self, scenario: Scenario, frames: int = 2000, path: str | PathLike[str] | None = None
    ) -> None:
        if frames < 8:
            raise CalibrationError(f"frames is {frames}; a calibration takes 8 or more")
        self._shape = routes.snapshot_model(scenario).shape
        size = int(np.prod(self._shape))
        gr.sync_block.__init__(self, "calibrator", [(np.complex64, size)], None)
        self.prepare()
        self._scenario = scenario
        self._frames = frames
        self._path = path
        self.calibration: Calibration | None = None

    def begin(self) -> None:
        self.calibration = None
        self._gathered: list[np.ndarray] = []
        self._numbers: list[int] = []

    @property
    def frames_used(self) -> int:
        """Number of frames that have been gathered."""
        return len(self._gathered)

    @guarded(-1)
    def work(self, input_items, output_items):
        count = min(len(input_items[0]), self._frames - self.frames_used)
        tags = self.get_tags_in_window(0, 0, count, pmt_keys.FRAME)
        self._numbers += [pmt_keys.frame_from_tag(tag.value)[0] for tag in tags]
        self._gathered += [frame.reshape(self._shape).copy() for frame in input_items[0][:count]]
        if self.frames_used < self._frames:
            return count
        self._calibrate()
        return -1

    def finish(self) -> None:
        if self.calibration is None and not self.failed():
            self._calibrate()

    def _calibrate(self) -> None:
        frames = np.array(self._gathered).reshape(-1, *self._shape)
        numbers = np.array(self._numbers, dtype=np.int64)
        if len(numbers) != len(frames):
            raise CalibrationError(f"{len(frames)} frame vectors have {len(numbers)} frame tags")
        self.calibration = reception.calibration(self._scenario, frames, numbers)
        if self._path:
            write_calibration(self._path, self.calibration, self._scenario)
        self.report("calibrated", frames=self.frames_used)
