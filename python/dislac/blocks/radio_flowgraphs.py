# SPDX-License-Identifier: GPL-3.0-or-later
"""Receiver and transmitter as top blocks, on radios."""

from os import PathLike
from typing import Any

from gnuradio import blocks

from ..scenario import Scenario
from .flowgraphs import Chain, OnFix, Receiver
from .overrides import overridden
from .radio import parse_device
from .radios.radio_sink import radio_sink
from .radios.radio_source import radio_source
from .recordings.recording_sink import recording_sink
from .transmitter.pilot_source import pilot_source
from .transmitter.precompensator import precompensator

__all__ = ["radio_flowgraph", "transmit_flowgraph"]


class radio_flowgraph(Receiver):
    """Receiver on a radio.

    Where the scenario goes by tags, which radios do not give, frames are found by the times of a
    UHD device, and on the direct path with SoapySDR.

    Parameters
    ----------
    scenario
        everything comes from here.
    device
        `uhd:ARGS` or `soapy:ARGS`.
    frames
        after how many used frames it ends, 0 for no end.
    record
        path of a recording of the receive chains, None for none.
    directory
        where to write files of fixes, None for none.
    on_fix
        called with each fix, in a thread of the flowgraph.
    settings
        further arguments of `radio_source`.

    Raises
    ------
    RadioError
        the device is neither of UHD nor of SoapySDR.
    ScenarioError
        the scenario does not allow for the reference.
    """

    def __init__(
        self,
        scenario: Scenario,
        device: str,
        *,
        frames: int = 0,
        record: str | PathLike[str] | None = None,
        directory: str | PathLike[str] | None = None,
        on_fix: OnFix | None = None,
        **settings: Any,
    ) -> None:
        if scenario.synchronization.reference == "tags":
            reference = "time" if parse_device(device)[0] == "uhd" else "direct-path"
            scenario = overridden(scenario, {"synchronization.reference": reference})
        super().__init__("dislac run --radio", scenario, directory, on_fix)
        self.source = radio_source(scenario, device, **settings)
        self.watch = self.source.watch
        self.connect_chains(self.source, self.demodulator)
        if frames:
            size = self.demodulator.output_signature().sizeof_stream_item(0)
            self.head = blocks.head(size, frames)
            self.disconnect(self.demodulator, self.estimator)
            self.connect(self.demodulator, self.head, self.estimator)
        if record is not None:
            self.recorder = recording_sink(scenario, record)
            self.connect_chains(self.source, self.recorder)

    def counters(self) -> dict[str, int]:
        """Counts of what became of the frames so far, and of what was lost before the receiver."""
        used, skipped = self.estimator.frames_used, self.demodulator.frames_skipped
        lost = self._frames_lost()
        return {
            "frames_sent": used + skipped + lost,
            "frames_used": used,
            "frames_skipped": skipped,
            "frames_lost": lost,
            "fixes": self.sink.fixes,
            "overflows": self.source.overflows,
            "samples_lost": self.source.samples_lost,
        }


class transmit_flowgraph(Chain):
    """Transmitter on a radio.

    Parameters
    ----------
    scenario
        everything comes from here.
    device
        `uhd:ARGS` or `soapy:ARGS`.
    frames
        how many to send, 0 for no end.
    settings
        further arguments of `radio_sink`.
    """

    def __init__(
        self, scenario: Scenario, device: str, *, frames: int = 0, **settings: Any
    ) -> None:
        super().__init__("dislac transmit", scenario)
        self.source = pilot_source(scenario, frames)
        self.precompensator = precompensator(scenario)
        self.radio = radio_sink(scenario, device, **settings)
        self.feed = self.radio.feed
        self.connect_chains(self.source, self.precompensator, self.radio)

    def wait(self) -> None:
        """Waits until the last frame has left the radio.

        Raises
        ------
        FlowgraphError
            a block has failed.
        """
        super().wait()
        self.radio.drain()

    def counters(self) -> dict[str, int]:
        """Frames sent so far, and of what the radio has complained."""
        return {
            "frames_sent": self.source.frames_sent,
            "late": self.radio.late,
            "underflows": self.radio.underflows,
        }
