# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole chain as top blocks: emulated, and from a recording; and the calibration of chains."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from os import PathLike
from typing import Any

from gnuradio import gr

from ..estimation import Calibration
from ..io import RecordingReader
from ..positioning import Fix
from ..scenario import Scenario, reception
from .channel.front_end import front_end
from .channel.leo_channel import leo_channel
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
from .transmitter.pilot_source import pilot_source
from .transmitter.precompensator import precompensator

__all__ = ["FlowgraphError", "calibrate_flowgraph", "replay_flowgraph", "run_flowgraph"]

OnFix = Callable[[Fix], None]


class Chain(gr.top_block):
    """Base of all flowgraphs: streams side by side, and an end that says what went wrong."""

    def __init__(self, name: str, scenario: Scenario) -> None:
        gr.top_block.__init__(self, name)
        self.scenario = scenario

    def connect_chains(self, *blocks: Any) -> None:
        """Connects all streams of each block to those of the next."""
        for block, successor in pairwise(blocks):
            self.connect_from(block, 0, successor)

    def connect_from(self, block: Any, first: int, successor: Any) -> None:
        """Connects streams of a block from `first` on to all inputs of the next."""
        for chain in range(successor.input_signature().max_streams()):
            self.connect((block, first + chain), (successor, chain))

    def wait(self) -> None:
        """Waits for the end.

        Raises
        ------
        FlowgraphError
            a block has failed.
        """
        super().wait()
        errors = take_errors(dict.fromkeys(block.alias() for block in self._blocks()))
        if errors:
            raise next(iter(errors.values()))

    def _blocks(self) -> list[Any]:
        """Blocks of the flowgraph that may fail."""
        return [block for block in vars(self).values() if hasattr(block, "failed")]

    def _emulate(self, frames: int) -> Any:
        """Connects transmitter, channel and receiver impairments; gives the last block."""
        scenario = self.scenario
        self.source = leo_link(scenario, frames)
        if scenario.front_end is None:
            return self.source
        self.front_end = front_end(scenario)
        self.connect_chains(self.source, self.front_end)
        return self.front_end


class Receiver(Chain):
    """From receive streams to fixes.

    Each link has a demodulator, an estimator and a locator of its own; those of the scenario's
    first are `demodulator`, `estimator` and `locator`.
    """

    def __init__(
        self,
        name: str,
        scenario: Scenario,
        directory: str | PathLike[str] | None,
        on_fix: OnFix | None,
        receivers: Sequence[str] | None = None,
    ) -> None:
        super().__init__(name, scenario)
        self.sink = fix_sink(scenario, directory, on_fix)
        self.branches: dict[str, list[Branch]] = {}
        for receiver in receivers or [scenario.link.receiver]:
            seen = [scenario.at(t, receiver) for t in scenario.nodes.framed]
            self.branches[receiver] = [Branch(self, each) for each in seen]
        first = self._branches()[0]
        self.demodulator, self.estimator, self.locator = first.blocks

    def publish(self, address: str, *, bind_any: bool = False, keys: str | None = None) -> None:
        """Publishes fixes and status, see `fix_publisher`, whose parameters these are.

        To be called before the flowgraph runs.
        """
        self.publisher = fix_publisher(self.scenario, address, bind_any, keys)
        for branch in self._branches():
            self.msg_connect((branch.locator, "fix"), (self.publisher, "fix"))
            for block in (branch.demodulator, branch.estimator):
                self.msg_connect((block, "events"), (self.publisher, "events"))

    def counters(self) -> dict[str, int]:
        """Counts of frames so far, of all links together.

        `frames_sent` by the transmitter or out of the recording; `frames_used` for estimates;
        `frames_skipped` because one in several was asked for; `frames_lost` because they were
        cut off or not finite; `fixes` with a position.
        """
        branches = self._branches()
        return {
            "frames_sent": self._frames_sent(),
            "frames_used": sum(branch.estimator.frames_used for branch in branches),
            "frames_skipped": sum(branch.demodulator.frames_skipped for branch in branches),
            "frames_lost": self._frames_lost(),
            "fixes": self.sink.fixes,
        }

    def connect_receiver(self, block: Any, receiver: str, first: int = 0) -> None:
        """Connects the streams of a block from `first` on to a receiver."""
        for branch in self.branches[receiver]:
            self.connect_from(block, first, branch.demodulator)

    def _branches(self) -> list["Branch"]:
        return [branch for branches in self.branches.values() for branch in branches]

    def _blocks(self) -> list[Any]:
        return [*super()._blocks(), *(b for branch in self._branches() for b in branch.blocks)]

    def _frames_sent(self) -> int:
        return int(self.source.frames_sent)

    def _frames_lost(self) -> int:
        return sum(b.demodulator.frames_lost + b.estimator.frames_lost for b in self._branches())


class Branch:
    """The blocks of one link."""

    def __init__(self, flowgraph: Receiver, scenario: Scenario) -> None:
        self.demodulator = ofdm_demodulator(scenario)
        self.estimator = path_estimator(scenario)
        self.locator = bistatic_locator(scenario)
        self.blocks = self.demodulator, self.estimator, self.locator
        flowgraph.connect(self.demodulator, self.estimator)
        flowgraph.msg_connect((self.estimator, "paths"), (self.locator, "paths"))
        flowgraph.msg_connect((self.locator, "fix"), (flowgraph.sink, "fix"))


class run_flowgraph(Receiver):
    """Transmitters, emulated channel and receivers, with the impairments that the scenario says.

    Parameters
    ----------
    scenario
        everything comes from here.
    frames
        how many to send, 0 for no end.
    record
        path of a recording of the receive chains, None for none; with several receivers the path of
        each one's followed by a dot and its name.
    directory
        where to write files of fixes, None for none.
    on_fix
        called with each fix, in a thread of the flowgraph.
    samples
        of each transmitter whose samples are handed in, by its name, a block that gives its streams
        as they leave it.

    Raises
    ------
    ScenarioError
        the samples of a transmitter are missing.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        frames: int = 0,
        record: str | PathLike[str] | None = None,
        directory: str | PathLike[str] | None = None,
        on_fix: OnFix | None = None,
        samples: Mapping[str, Any] | None = None,
    ) -> None:
        nodes = scenario.nodes
        super().__init__("dislac run", scenario, directory, on_fix, list(nodes.receivers))
        self.others: list[Any] = []
        if len(nodes.transmitters) == len(nodes.receivers) == 1:
            last = self._emulate(frames)
            self.connect_chains(last, self.demodulator)
            if record is not None:
                self.recorder = recording_sink(scenario, record)
                self.connect_chains(last, self.recorder)
            return
        channel = leo_channel(scenario)
        self.sources = []
        for name, streams in scenario.transmit_streams.items():
            if name in nodes.handed_in:
                last = self._handed_in(name, samples or {})
            else:
                seen = scenario.at(transmitter=name)
                source, last = pilot_source(seen, frames), precompensator(seen)
                self.connect_chains(source, last)
                self.sources.append(source)
                self.others += [source, last]
            for chain, stream in enumerate(streams):
                self.connect((last, chain), (channel, stream))
        self.others.append(channel)
        for name, streams in scenario.receive_streams.items():
            seen, last, first = scenario.at(receiver=name), channel, streams.start
            if seen.front_end is not None:
                last = front_end(seen)
                self.connect_from(channel, first, last)
                self.others.append(last)
                first = 0
            self.connect_receiver(last, name, first)
            if record is not None:
                recorder = recording_sink(seen, f"{record}.{name}")
                self.connect_from(last, first, recorder)
                self.others.append(recorder)

    def _handed_in(self, name: str, samples: Mapping[str, Any]) -> Any:
        """Gives the block with the streams of a transmitter."""
        if name not in samples:
            raise self.scenario.document.whole.error(
                (*self.scenario.nodes.transmitters[name], "signal", "samples"),
                f"the samples of '{name}' come from elsewhere: join blocks in Companion, or give "
                "run_flowgraph `samples`",
            )
        return samples[name]

    def _blocks(self) -> list[Any]:
        return [*super()._blocks(), *self.others]

    def _frames_sent(self) -> int:
        if not self.others:
            return super()._frames_sent()
        return sum(source.frames_sent for source in self.sources)


class replay_flowgraph(Receiver):
    """Receiver on a recording.

    Parameters
    ----------
    reader
        the recording.
    scenario
        what was recorded; None: as the recording says.
    speed
        1 for real time, 0 or None for as fast as possible.
    directory
        where to write files of fixes, None for none.
    on_fix
        called with each fix, in a thread of the flowgraph.
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
        self.connect_receiver(self.source, scenario.link.receiver)

    def _frames_lost(self) -> int:
        if self.scenario.synchronization.reference != "tags":
            return super()._frames_lost()  # where frames are looked for, the demodulator counts all
        return super()._frames_lost() + self.source.frames_lost


class calibrate_flowgraph(Chain):
    """Calibrates the receive chains over the direct path; `calibration` is there at the end.

    Parameters
    ----------
    scenario
        transmitter and receiver, where they are, and what the transmitter sends; from its own
        calibration nothing is taken.
    reader
        a recording of the transmitter; None: the scenario is emulated.
    frames
        how many to gather.
    path
        file to write, None for none.
    """

    def __init__(
        self,
        scenario: Scenario,
        reader: RecordingReader | None = None,
        *,
        frames: int = 2000,
        path: str | PathLike[str] | None = None,
    ) -> None:
        scenario = reception.for_calibration(scenario, emulated=reader is None)
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
        """Calibration that has been found, None before that."""
        return self.calibrator.calibration
