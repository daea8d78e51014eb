# SPDX-License-Identifier: GPL-3.0-or-later
"""One direction of the satellite link between two radios that wait for each other."""

import numpy as np
from gnuradio import gr

from ...dsp.stream import CHUNK
from ...scenario import Scenario, emulation
from ..lifecycle import Guarded, guarded

__all__ = ["relay_channel"]


class relay_channel(Guarded, gr.basic_block):
    """Moves streams over the scenario's reference link, sample by sample as soon as it can.

    For what two radios send to each other, such as a gNB and a UE between two `zmq_radio`. Delay
    and Doppler shift are those of the link between moving nodes, the same for all streams; there
    are no beams and no gains. Output that the link's delay allows leaves before the input of its
    time has come, so nothing is added to the delay of a path that is longer than half a filter, 31
    samples; a shorter one delays by 31 samples.

    Parameters
    ----------
    scenario
        nodes, and the carriers unless one is given, come from here.
    sample_rate
        of the streams [Hz].
    streams
        how many.
    uplink
        from the receiver of the reference link to its transmitter.
    carrier_frequency
        [Hz] on all hops, 0 for no Doppler shift; None: as the scenario says.
    noise_power
        of each received sample.

    Raises
    ------
    ValueError
        a setting is out of range.
    """

    def __init__(
        self,
        scenario: Scenario,
        sample_rate: float = 23.04e6,
        streams: int = 1,
        uplink: bool = False,
        carrier_frequency: float | None = None,
        noise_power: float = 0.0,
    ) -> None:
        kinds = [np.complex64] * streams
        gr.basic_block.__init__(self, "relay_channel", kinds, kinds)
        self.prepare()
        self.set_tag_propagation_policy(gr.TPP_DONT)
        self.enlarge_buffers(8 * CHUNK)
        self.link = emulation.relay_link(
            scenario,
            sample_rate,
            streams=streams,
            uplink=uplink,
            carrier_frequency=carrier_frequency,
            noise_power=noise_power,
        )

    def begin(self) -> None:
        self.link.reset()
        self._more = True  # output that needs no further input

    def forecast(self, noutput_items, ninputs):
        return [0 if self._more else 1] * ninputs

    @guarded(-1)
    def general_work(self, input_items, output_items):
        room, made = len(output_items[0]), self.link.make(output_items)
        # Only when all is made that can be: what waits here is bounded by the path's delay
        if made < room and (count := min(CHUNK, *map(len, input_items))):
            self.link.take([stream[:count] for stream in input_items])
            self.consume_each(count)
            made += self.link.make([stream[made:] for stream in output_items])
        self._more = made == room
        return made
