# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole chain as top blocks: emulated, and from a recording."""

from collections.abc import Callable
from itertools import pairwise
from os import PathLike
from typing import Any

from gnuradio import gr

from ..io import RecordingReader
from ..positioning import Fix
from ..scenario import Scenario
from ._lifecycle import FlowgraphError, take_errors
from .bistatic_locator import bistatic_locator
from .fix_sink import fix_sink
from .front_end import front_end
from .leo_channel import leo_channel
from .ofdm_demodulator import ofdm_demodulator
from .path_estimator import path_estimator
from .pilot_source import pilot_source
from .precompensator import precompensator
from .recording_sink import recording_sink
from .recording_source import recording_source

__all__ = ["FlowgraphError", "replay_flowgraph", "run_flowgraph"]

OnFix = Callable[[Fix], None]


class Chain(gr.top_block):
    """What all flowgraphs share: streams side by side, and an end that says what went wrong."""

    scenario: Scenario

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


class Receiver(Chain):
    """From receive streams to fixes."""

    def __init__(
        self,
        name: str,
        scenario: Scenario,
        directory: str | PathLike[str] | None,
        on_fix: OnFix | None,
    ) -> None:
        gr.top_block.__init__(self, name)
        self.scenario = scenario
        self.demodulator = ofdm_demodulator(scenario)
        self.estimator = path_estimator(scenario)
        self.locator = bistatic_locator(scenario)
        self.sink = fix_sink(scenario, directory, on_fix)
        self.connect(self.demodulator, self.estimator)
        self.msg_connect((self.estimator, "paths"), (self.locator, "paths"))
        self.msg_connect((self.locator, "fix"), (self.sink, "fix"))

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
        self.source = pilot_source(scenario, frames)
        self.precompensator = precompensator(scenario)
        self.channel = self.receives = leo_channel(scenario)
        self.connect_chains(self.source, self.precompensator, self.channel)
        if scenario.front_end is not None:
            self.front_end = self.receives = front_end(scenario)
            self.connect_chains(self.channel, self.front_end)
        self.connect_chains(self.receives, self.demodulator)
        if record is not None:
            self.recorder = recording_sink(scenario, record)
            self.connect_chains(self.receives, self.recorder)


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
        return super()._frames_lost() + self.source.frames_lost
