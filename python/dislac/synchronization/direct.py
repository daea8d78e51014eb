# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames where the direct path says they are: of any radio."""

from collections.abc import Callable
from dataclasses import replace
from math import ceil, floor

import numpy as np

from ..waveform import Pilots
from .acquisition import Acquisition, acquire
from .clock import StreamClock
from .count import FrameCount
from .frames import Alignment, Event, Mark, Samples, Window, aligned_grid
from .recognition import equalized, stands_out
from .reference import DirectPathMeasurement, Reference, measure, noise_statistic
from .search import PeriodSearch
from .track import DirectPathTrack, Prediction

__all__ = ["DirectPathSynchronizer"]

LOOK_SPACING = 0.02
"""The direct path is looked at this often, or more often [s]."""

UNEVEN = 8.0
"""Ratio of a symbol's level to the others' that is the border of a level step."""

NEAR = 3.0
"""Samples from where a frame is expected within which a search has found that frame."""

TRIALS = 100
"""Noise alone has a handful of trials in a frame, at most."""

LEVEL_STEP = 10.0
"""A change of the level from look to look that is reported [dB]."""


class DirectPathSynchronizer:
    """Synchronizer that finds frames on the direct path, and takes it as zero delay and Doppler.

    ``searching``: one frame period after the other is searched for a frame. What is found must be
    found again a frame later; then the state is ``locked``. From there on the delay of the direct
    path and its carrier are measured in each frame that is used (and in some between, if those are
    rare), and filtered. A frame in which it is not found does not leave; after it, whole periods
    are looked at again. If the direct path is found elsewhere, or not at all for `coast` seconds,
    the state is ``lost``, with the reason.

    Frames have no numbers of their own unless the pilots differ from frame to frame: 0 is the
    first for which the stream has room, as near as the pilots' cycle allows. What a gap without a
    mark has swallowed is known up to whole frame periods only, and taken as less than one.

    A gap longer than `coast`, and marks whose time goes back, end the lock. After the latter frames
    are numbered by the clock again, if that is what they are numbered by; else numbers go on.

    All frames up to the last that is found are used, lost or skipped: from 0 on, or, if they are
    numbered by the clock, from the first for which the stream has room after it began or the clock
    went back.

    Parameters
    ----------
    reference_at
        frames as the direct path brings them, about frame k: while the ends move on, chains hear it
        otherwise.
    pilots
        which frames are sent.
    carrier_window
        where the carrier offset may lie about frame k [Hz].
    every
        frames with an index that this divides are used.
    coast
        how long the direct path may fade [s].
    dilation
        by how much its delay grows a second [s/s] within a frame, in frame k, beyond what the
        frames' distance shows; None: not at all.
    zero
        what the marks' clock shows at time zero [s], and how many samples later frame 0 is due:
        frames are numbered by it. None where that is not known.
    """

    def __init__(
        self,
        reference_at: Callable[[int], Reference],
        pilots: Pilots,
        *,
        carrier_window: Callable[[int], tuple[float, float]],
        every: int = 1,
        coast: float = 0.1,
        dilation: Callable[[int], float] | None = None,
        zero: tuple[float, float] | None = None,
    ) -> None:
        reference = reference_at(0)
        numerology = reference.numerology
        self._reference_at, self._pilots = reference_at, pilots
        self._window, self._coast, self._dilation = carrier_window, coast, dilation
        self._rate = numerology.sample_rate
        self._period, self._length = numerology.frame_period, numerology.frame_length
        self._stride = self._stride_for(every)
        self._least_statistic = noise_statistic(reference, TRIALS)
        self._clock = StreamClock(self._rate, None if zero is None else zero[0])
        self._first = None if zero is None else zero[1]
        self._count = FrameCount(pilots, every)
        # Beside a frame there are lesser places that look like one, two symbols before at most.
        self._search = PeriodSearch(self._period, 2 * numerology.symbol_length)
        self._track = DirectPathTrack(numerology)
        self.state = "searching"
        self.events = [Event("sync", {"state": "searching", "reason": "begins"})]
        self.measurement: DirectPathMeasurement | None = None
        self._reason = "before the first lock"
        self._next = 0  # frame that is looked at
        self._last = 0  # last frame in which the direct path was found
        self._power: float | None = None
        self._begun = 0  # sample from which frames are numbered

    @property
    def accounted(self) -> int:
        """Frames before this one have been used, lost or skipped, or not sent."""
        return self._count.accounted

    @property
    def frames_skipped(self) -> int:
        """Frames that were not to be used."""
        return self._count.skipped

    @property
    def window(self) -> Window | None:
        if self._search.begin is not None:
            return Window(self._search.begin, self._period + self._length + 1)
        start, _ = self._track.expected(self._next)
        return Window(start, self._length)

    def take(self, samples: Samples) -> Alignment | None:
        if self._search.begin is not None:
            self._seek(samples, self._search.begin)
            return None
        return self._look(samples)

    def mark(self, mark: Mark) -> bool:
        missing = self._clock.mark(mark)
        if mark.offset == 0 or (missing is not None and abs(missing) < 0.5):
            return False
        self._gap(mark.offset, missing)
        return True

    def finish(self, end: int) -> None:
        # What was not found at the end need not have been sent.
        pass

    def use_every(self, every: int) -> None:
        self._pass_to(self._next)  # by what counted for them
        self._count.every, self._stride = every, self._stride_for(every)

    def _stride_for(self, every: int) -> int:
        """Every how many frames the direct path is looked at."""
        most = max(1, int(LOOK_SPACING * self._rate / self._period))
        return max(d for d in range(1, min(every, most) + 1) if every % d == 0)

    # Searching

    def _seek(self, samples: Samples, begin: int) -> None:
        """Search a period for a frame."""
        if self._track.begun:
            index = max(round(self._track.index_at(begin)), 0)
        else:
            index = self._first_index(begin)
        found = acquire(samples, self._reference_at(index), self._window(index))
        if found is not None:
            self._found(found, begin)
        else:
            self._give_up(self._search.found_nothing(begin))  # nothing before will be looked at

    def _give_up(self, sample: int) -> None:
        """End the lock, if the direct path has been away for too long."""
        away = (self._track.index_at(sample) - self._last) * self._period / self._rate
        if self.state == "locked" and away > self._coast:
            self._enter("lost", self._reason)

    def _found(self, found: Acquisition, begin: int) -> None:
        """Take a frame in a searched window: one that was expected, or another beginning."""
        self._search.found()
        place = begin + found.start
        cycle = self._pilots.cycle
        if self._track.begun:
            index = round(self._track.index_at(place))
        else:
            index = self._first_index(place)
        self._give_up(place)
        if self.state == "locked":
            start, delay = self._track.expected(index)
            off = place - start - delay
            if abs(off) < NEAR and (index - found.frame) % cycle == 0:
                # Of a frame that is cut there, the next one is as good.
                self._next = index if start >= begin else self._looked_at(index + 1)
                self._search.pause()
                self._track.wide = True
                return
        if not self._search.confirms(place, begin):
            return
        if self.state == "locked":
            self._enter("lost", f"the direct path's timing jumped by {round(off)} samples")
        index = max(index, self.accounted)
        index += (found.frame - index) % cycle
        if not self._track.begun and self._clock.counts_from_zero:
            self._count.restart(max(index - (place - self._begun) // self._period, 0))
        self._begin(index, place, found.carrier)

    def _first_index(self, place: int) -> int:
        """Number of the first frame that is found."""
        if self._first is None or not self._clock.counts_from_zero:
            return floor(place / self._period)
        since = self._clock.samples_since_zero(place)
        return max(round((since - self._first) / self._period), 0)

    def _begin(self, index: int, place: float, carrier: float) -> None:
        """Begin to track at a frame whose place and carrier offset are roughly known."""
        self._track.begin(index, place, carrier)
        self._search.stop()
        self._next, self._power = index, None

    def _gap(self, offset: int, missing: float | None) -> None:
        """Take note that samples are missing before sample `offset`, perhaps how many."""
        back = missing is not None and missing < 0
        if missing is not None and not back:
            self.events.append(Event("gap", {"missing": round(missing)}))
            self._track.shift(-missing)
        reason = ""
        if missing is None:
            reason = "a gap of unknown length"
        elif back:
            reason = f"rx_time went back by {-missing:.0f} samples"
        elif missing > self._coast * self._rate:
            reason = f"a gap of {missing / self._rate:.3g} s"
        if reason and self.state == "locked":
            self._enter("lost", reason)
        if back and self._first is not None:
            # Frames after it are numbered as if the stream began there.
            if self._track.begun:
                self._pass_to(floor(self._track.index_at(offset)))
            self._count.restart(0)
            self._track.begun, self._begun = False, offset
        if self._search.begin is not None or self.state != "locked":
            self._search.start(offset)
        else:
            self._search.stop()
            self._reason = "cut off by a gap"
            self._next = self._looked_at(ceil(self._track.index_at(offset)))

    # Tracking

    def _look(self, samples: Samples) -> Alignment | None:
        """Measure the direct path in a frame; the frame, if it is used."""
        index = self._next
        start, delay = self._track.expected(index)
        prediction = self._track.predict(index)
        dilation = self._track.dilation
        if self._dilation is not None:
            dilation += self._dilation(index)
        time = self._clock.time(start + delay)
        expected = Alignment(index, start, delay, dilation, prediction.carrier, time)
        found, reason = self._measure(samples, expected, prediction)
        self.measurement = found
        if found is None:
            # It is looked for everywhere after the frame's beginning.
            self._reason = reason
            self._search.start(start + 1)
            self._give_up(start)
            return None
        if reason := self._track.outlier(found, prediction):
            # Found, but not where it should be
            if self.state == "locked":
                self._enter("lost", reason)
            self._begin(index, start + delay + found.delay, prediction.carrier + found.carrier)
            self._last, self._next = index, self._looked_at(index + 1, 1)
            return None
        late, carrier = self._track.update(index, found)
        self._last = index
        if self.state != "locked":
            self._enter("locked", "the direct path is found")
        self._level(float(np.vdot(samples, samples).real))
        self._next = self._looked_at(index + 1)
        if not self._count.is_used(index):
            return None
        self._pass_to(index)
        self._count.restart(index + 1)
        delay += late - prediction.late
        time = self._clock.time(start + delay)
        return replace(expected, delay=delay, carrier=carrier, time=time)

    def _measure(
        self, samples: Samples, expected: Alignment, prediction: Prediction
    ) -> tuple[DirectPathMeasurement | None, str]:
        """The direct path in a frame, None if it is not there, and why not."""
        if not np.isfinite(samples.view(np.float32).sum()):
            return None, "values that are not finite"
        reference = self._reference_at(expected.index)
        grid = aligned_grid(samples, expected, reference.numerology)
        cycle = expected.index % self._pilots.cycle
        spans = self._track.spans(prediction)
        found = measure(grid, reference, cycle, *spans)
        if not self._stands_out(grid, reference, cycle, found):
            # It may still be there beside a signal that is stronger.
            grid = equalized(grid)
            found = measure(grid, reference, cycle, *spans)
            if not self._stands_out(grid, reference, cycle, found):
                return None, "the direct path faded"
        if found.unevenness > UNEVEN:
            return None, "a level step within the frame"
        return found, ""

    def _stands_out(
        self, grid: Samples, reference: Reference, frame: int, found: DirectPathMeasurement
    ) -> bool:
        return found.statistic > self._least_statistic and stands_out(
            grid, reference, frame, found, TRIALS
        )

    def _level(self, power: float) -> None:
        """Report a level that has changed much."""
        before, self._power = self._power, power
        if before and power and abs(change := 10 * np.log10(power / before)) > LEVEL_STEP:
            self.events.append(Event("level_step", {"change_db": float(change)}))

    def _looked_at(self, index: int, stride: int | None = None) -> int:
        """The first frame from `index` on that is sent and looked at."""
        found = self._count.next_used(index, stride or self._stride)
        return index if found is None else found

    # Reports

    def _enter(self, state: str, reason: str) -> None:
        self.state = state
        self.events.append(Event("sync", {"state": state, "reason": reason}))
        if state == "lost":
            self._reason = reason

    def _pass_to(self, index: int) -> None:
        """Account for the frames before `index` that nothing was said of."""
        if event := self._count.pass_to(index, self._reason):
            self.events.append(event)
