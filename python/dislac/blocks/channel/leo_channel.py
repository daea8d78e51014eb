# SPDX-License-Identifier: GPL-3.0-or-later
"""The channel from moving transmitters to receivers, emulated in the sample domain."""

from collections.abc import Sequence
from threading import Lock
from typing import Any

from ...channel import ChannelEmulator, NetworkEmulator
from ...scenario import Scenario, emulation
from .. import pmt_keys
from ..chunks import ChunkBlock
from ..overrides import at_snr

__all__ = ["leo_channel"]


class leo_channel(ChunkBlock):
    """Moves streams over the scenario's paths, with beams at both ends, and adds noise.

    Each path has one range function, which drives delay, Doppler, carrier phase and the time
    scaling of the envelope as the nodes move. Sample n of either side has the time n / rate since
    the scenario's epoch. As in any delay, what has gone in last is still inside when a stream
    ends, and output comes in chunks of 65536 samples: end a finite stream with zeros
    (`pilot_source` does).

    Of a scenario with several transmitters and receivers, the inputs are the streams of one
    transmitter after another, and the outputs those of one receiver after another.

    Tags `dislac:frame` of stream 0 go to where the frame starts at the receiver: the offset that
    a `precompensator` has written into them, else their own plus the delay of the reference link
    (transmitter to receiver, from the feeder on where there is one), rounded to a sample. Each
    receiver's are on its first stream, where the first frame comes of those that all transmitters
    send at that time.

    Parameters
    ----------
    scenario
        nodes, arrays, beams, paths, fading and noise come from here.
    snr_db
        signal to noise ratio, the key `channel.noise.snr_db` [dB]; None: the noise that the
        scenario says.
    emulator
        a channel between any numbers of streams, with paths, noise and gains of its own, in place
        of the scenario's; None for none. A `NetworkEmulator` joins several transmitters, whose
        streams are the inputs one after another, to several receivers, whose streams are the
        outputs.

    Raises
    ------
    ScenarioError
        a setting is out of range.
    ValueError
        `snr_db` beside an emulator of your own.
    """

    def __init__(
        self,
        scenario: Scenario,
        snr_db: float | None = None,
        emulator: ChannelEmulator | NetworkEmulator | None = None,
    ) -> None:
        if emulator is not None:
            inputs, outputs = emulator.inputs, emulator.outputs
        else:
            inputs, outputs = scenario.inputs, scenario.outputs
        super().__init__("leo_channel", inputs, outputs)
        self._processor: ChannelEmulator | NetworkEmulator | None = None
        self._lock = Lock()
        self._given = scenario
        self._emulator = emulator
        self.set_snr_db(snr_db)

    def set_snr_db(self, snr_db: float | None) -> None:
        """Changes the noise from the next samples on; None: to what the scenario says."""
        if snr_db is not None and self._emulator is not None:
            raise ValueError("snr_db is for the scenario's channel; give your emulator a noise")
        scenario = at_snr(self._given, snr_db)
        with self._lock:
            self._scenario = scenario
            if self._processor is not None and self._emulator is None:
                self._processor.noise = emulation.channel_noise(scenario)

    def make_processor(self) -> ChannelEmulator | NetworkEmulator:
        if self._emulator is not None:
            self._emulator.reset()
            return self._emulator
        with self._lock:
            return emulation.channel(self._scenario)

    def general_work(self, input_items, output_items):
        with self._lock:
            return super().general_work(input_items, output_items)

    def send_tags(self, tags: Sequence[Any]) -> None:
        for tag in tags:
            index, arrival = pmt_keys.frame_from_tag(tag.value)
            for stream, due in emulation.frame_marks(self._scenario, tag.offset, arrival):
                self.add_item_tag(stream, due, pmt_keys.FRAME, pmt_keys.frame_to_tag(index))
