# SPDX-License-Identifier: GPL-3.0-or-later
"""Satellite and channel in one block, for live use."""

from threading import Lock

import numpy as np
from gnuradio import gr

from ...channel import LinkSimulator
from ...dsp.stream import CHUNK
from ...scenario import Scenario, emulation
from .. import pmt_keys
from ..lifecycle import Guarded, guarded
from ..overrides import at_snr

__all__ = ["leo_link"]


class leo_link(Guarded, gr.sync_block):
    """The satellite's pilot frames as the receive chains of the base station get them.

    It is `pilot_source`, `precompensator` and `leo_channel` in one, bit for bit, and several times
    as fast: the pauses between frames do not pass from block to block. A tag `dislac:frame` with
    the frame's index is where each frame begins, on stream 0.

    Parameters
    ----------
    scenario
        everything comes from here.
    frames
        how many to send, 0 for no end.
    snr_db
        signal to noise ratio, the key `channel.noise.snr_db` [dB]; None: the noise that the
        scenario says.

    Raises
    ------
    ScenarioError
        a setting is out of range.
    ValueError
        the number of frames is negative.
    """

    def __init__(self, scenario: Scenario, frames: int = 0, snr_db: float | None = None) -> None:
        if frames < 0:
            raise ValueError(f"frames is {frames}; give 0 for no end, or how many to send")
        gr.sync_block.__init__(self, "leo_link", None, [np.complex64] * scenario.receive_chains)
        self.prepare()
        self.set_output_multiple(CHUNK)
        self.enlarge_buffers(4 * CHUNK)
        self._lock = Lock()
        self._given = scenario
        self._frames = frames
        self._link: LinkSimulator | None = None
        self.set_snr_db(snr_db)

    @property
    def frames_sent(self) -> int:
        """Frames of which at least the first sample has been sent."""
        return 0 if self._link is None else self._link.frames_sent

    def set_snr_db(self, snr_db: float | None) -> None:
        """Changes the noise from the next samples on; None: to what the scenario says."""
        scenario = at_snr(self._given, snr_db)
        with self._lock:
            self._scenario = scenario
            if self._link is not None:
                self._link.emulator.noise = emulation.noise(self._scenario)

    def begin(self) -> None:
        with self._lock:
            self._link = emulation.link(self._scenario, self._frames)

    @guarded(-1)
    def work(self, input_items, output_items):
        with self._lock:
            for made in range(0, len(output_items[0]), CHUNK):
                assert self._link is not None
                begun = self._link.receive([row[made : made + CHUNK] for row in output_items])
                if begun is None:
                    return made or -1
                for start, index in begun:
                    self.add_item_tag(0, start, pmt_keys.FRAME, pmt_keys.frame_to_tag(index))
        return len(output_items[0])
