# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole chain as top blocks: emulated, and from a recording; and the calibration of chains."""

from collections.abc import Callable
from itertools import pairwise
from os import PathLike
from typing import Any

from gnuradio import gr

from ..estimation import Calibration
from ..io import RecordingReader
from ..positioning import Fix
from ..scenario import Scenario, build
from .channel.front_end import front_end
from .channel.leo_link import leo_link
from .lifecycle import FlowgraphError, take_errors
from .receiver.bistatic_locator import bistatic_locator
from .receiver.calibrator import calibrator
from .receiver.fix_publisher import fix_publisher
from .receiver.fix_sink import fix_sink
from .receiver.ofdm_demodulator import ofdm_demodulator
from .receiver.path_estimator import path_estimator
from .recordings.recording_sink import recording_sink
from .recordings.recording_source import recording_source

__all__ = ["FlowgraphError", "calibrate_flowgraph", "replay_flowgraph", "run_flowgraph"]

OnFix = Callable[[Fix], None]


class Chain(gr.top_block):
    """What all flowgraphs share: streams side by side, and an end that says what went wrong."""

    def __init__(self, name: str, scenario: Scenario) -> None:
        gr.top_block.__init__(self, name)
        self.scenario = scenario

    def connect_chains(self, *blocks: Any) -> None:
        """Connects all streams of each block to those of the next."""
        for block, successor in pairwise(blocks):
            for chain in range(self.scenario.chains):
                self.connect((block, chain), (successor, chain))

    def wait(self) -> None:
        """Waits for the end.

        Raises:
            FlowgraphError: a block has failed.
        """
        super().wait()
        blocks = [block for block in vars(self).values() if hasattr(block, "failed")]
        errors = take_errors([block.alias() for block in blocks])
        if errors:
            raise next(iter(errors.values()))

    def _emulate(self, frames: int) -> Any:
        """Connects transmitter, channel and the receiver's front end; gives the last block."""
        scenario = self.scenario
        self.source = leo_link(scenario, frames)
        if scenario.front_end is None:
            return self.source
        self.front_end = front_end(scenario)
        self.connect_chains(self.source, self.front_end)
        return self.front_end


class Receiver(Chain):
    """From receive streams to fixes."""

    def __init__(
        self,
        name: str,
        scenario: Scenario,
        directory: str | PathLike[str] | None,
        on_fix: OnFix | None,
    ) -> None:
        super().__init__(name, scenario)
        self.demodulator = ofdm_demodulator(scenario)
        self.estimator = path_estimator(scenario)
        self.locator = bistatic_locator(scenario)
        self.sink = fix_sink(scenario, directory, on_fix)
        self.connect(self.demodulator, self.estimator)
        self.msg_connect((self.estimator, "paths"), (self.locator, "paths"))
        self.msg_connect((self.locator, "fix"), (self.sink, "fix"))

    def publish(self, address: str, *, bind_any: bool = False, keys: str | None = None) -> None:
        """Publishes fixes and status, see `fix_publisher`, whose parameters these are.

        To be called before the flowgraph runs.
        """
        self.publisher = fix_publisher(self.scenario, address, bind_any, keys)
        self.msg_connect((self.locator, "fix"), (self.publisher, "fix"))
        for block in (self.demodulator, self.estimator):
            self.msg_connect((block, "events"), (self.publisher, "events"))

    def counters(self) -> dict[str, int]:
        """What became of the frames so far.

        `frames_sent` by the transmitter or out of the recording; `frames_used` for estimates;
        `frames_skipped` because one in several was asked for; `frames_lost` because they were
        cut off or not finite; `fixes` with a position.
        """
        return {
            "frames_sent": self.source.frames_sent,
            "frames_used": self.estimator.frames_used,
            "frames_skipped": self.demodulator.frames_skipped,
            "frames_lost": self._frames_lost(),
            "fixes": self.sink.fixes,
        }

    def _frames_lost(self) -> int:
        return self.demodulator.frames_lost + self.estimator.frames_lost


class run_flowgraph(Receiver):
    """Transmitter, emulated channel and receiver, with the front end that the scenario says.

    Args:
        scenario: everything comes from here.
        frames: how many to send, 0 for no end.
        record: path of a recording of the receive chains, None for none.
        directory: where to write files of fixes, None for none.
        on_fix: called with each fix, in a thread of the flowgraph.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        frames: int = 0,
        record: str | PathLike[str] | None = None,
        directory: str | PathLike[str] | None = None,
        on_fix: OnFix | None = None,
    ) -> None:
        super().__init__("dislac run", scenario, directory, on_fix)
        last = self._emulate(frames)
        self.connect_chains(last, self.demodulator)
        if record is not None:
            self.recorder = recording_sink(scenario, record)
            self.connect_chains(last, self.recorder)


class replay_flowgraph(Receiver):
    """Receiver on a recording.

    Args:
        reader: the recording.
        scenario: what was recorded; None: as the recording says.
        speed: 1 for real time, 0 or None for as fast as possible.
        directory: where to write files of fixes, None for none.
        on_fix: called with each fix, in a thread of the flowgraph.
    """

    def __init__(
        self,
        reader: RecordingReader,
        scenario: Scenario | None = None,
        *,
        speed: float | None = None,
        directory: str | PathLike[str] | None = None,
        on_fix: OnFix | None = None,
    ) -> None:
        scenario = scenario or reader.scenario
        super().__init__("dislac replay", scenario, directory, on_fix)
        self.source = recording_source(scenario, reader, speed)
        self.connect_chains(self.source, self.demodulator)

    def _frames_lost(self) -> int:
        if self.scenario.synchronization.reference != "tags":
            return super()._frames_lost()  # where frames are looked for, the demodulator counts all
        return super()._frames_lost() + self.source.frames_lost


class calibrate_flowgraph(Chain):
    """Calibrates the receive chains over the direct path; `calibration` is there at the end.

    Args:
        scenario: transmitter and receiver, where they are, and what the transmitter sends; from its
            own calibration nothing is taken.
        reader: a recording of the transmitter; None: the scenario is emulated.
        frames: how many to gather.
        path: file to write, None for none.
    """

    def __init__(
        self,
        scenario: Scenario,
        reader: RecordingReader | None = None,
        *,
        frames: int = 2000,
        path: str | PathLike[str] | None = None,
    ) -> None:
        scenario = build.for_calibration(scenario, emulated=reader is None)
        super().__init__("dislac calibrate", scenario)
        self.demodulator = ofdm_demodulator(scenario)
        self.calibrator = calibrator(scenario, frames, path)
        self.connect(self.demodulator, self.calibrator)
        # A radio's source would stand here, too.
        if reader is None:
            last = self._emulate(frames)
        else:
            last = self.source = recording_source(scenario, reader)
        self.connect_chains(last, self.demodulator)

    @property
    def calibration(self) -> Calibration | None:
        """What has been found, None before that."""
        return self.calibrator.calibration
