# SPDX-License-Identifier: GPL-3.0-or-later
"""The transmitter's pilots, as streams."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ...scenario import Scenario, transmission
from ._frame_source import FrameSource

__all__ = ["pilot_source"]


class pilot_source(FrameSource):
    """Sends pilot frames on every transmit chain: the paper's pilots, or NR PRS.

    Silence for the time of flight, then a frame every frame period. A tag `dislac:frame` with the
    frame's index (uint64) is on the first sample of each frame, on stream 0. A frame that the
    scenario mutes is silence without a tag; it is counted all the same. After the last frame
    come as many zeros as it takes to get that frame through precompensator and channel.

    Parameters
    ----------
    scenario
        numerology, pilots and chains come from here.
    frames
        how many to send, 0 for no end.

    Raises
    ------
    ValueError
        the number of frames is negative.
    """

    def __init__(self, scenario: Scenario, frames: int = 0) -> None:
        super().__init__("pilot_source", scenario, frames)
        self._sends = scenario.pilots.sends
        self._waveforms = [
            transmission.pilot_frame(scenario, k) for k in range(scenario.pilots.cycle)
        ]

    def make_frames(self, first: int, last: int) -> Iterable[tuple[int, NDArray[np.complex64]]]:
        for index in filter(self._sends, range(first, last + 1)):
            yield index, self._waveforms[index % len(self._waveforms)]
