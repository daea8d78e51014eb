# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames where the direct path says they are: of any radio."""

from collections.abc import Callable
from dataclasses import replace
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from ..waveform import Pilots
from .acquisition import Acquisition, acquire
from .frames import (
    Alignment,
    Event,
    Mark,
    Samples,
    Window,
    aligned_grid,
    next_used,
    used_before,
)
from .recognition import equalized, stands_out
from .reference import Measurement, Reference, measure, noise_share

__all__ = ["DirectPathFrames", "Ramp"]

Floats = NDArray[np.float64]

CLOCK_OFFSET = 25e-6
"""Standard deviation of a sample clock's rate before it is known."""

CLOCK_WANDER, CARRIER_WANDER = 1e-7, 1e3
"""By how much the clock's rate, and the carrier's drift [Hz/s], change in a second; of the drift it
is also the standard deviation before it is known."""

LOOK_SPACING = 0.02
"""The direct path is looked at this often, or more often [s]."""

UNEVEN = 8.0
"""Symbols whose level exceeds the others' so many times are the border of a level step."""

OUTLIER = 6.0
"""A measurement so many standard deviations from what is expected is none of the direct path."""

PATIENCE, PAUSE = 3, 5
"""After so many searches for nothing only one period in so many is searched, which costs many times
as much as to track."""

CONFIRMED_WITHIN = 8
"""What a search finds must be found again so many frame periods later, or sooner."""

TOLERATED_DELAY, TOLERATED_CARRIER = 0.01, 20.0
"""Deviations that are never outliers [samples], [Hz]."""

WIDE = 3.0
"""After a search the direct path is looked for so many samples about where it was expected."""

TRIALS = 100
"""Noise alone has a handful of trials in a frame, at most."""

LEVEL_STEP = 10.0
"""A change of the level from look to look that is told [dB]."""


class Ramp:
    """A number that grows at a rate which wanders: its Kalman filter.

    Args:
        wander: spectral density of the rate's change [1/s^2/sqrt(s) of the number's unit].
    """

    def __init__(self, wander: float) -> None:
        self._density = wander**2
        self.state: Floats = np.zeros(2)
        self.covariance: Floats = np.zeros((2, 2))
        self.time = 0.0

    def set(self, time: float, value: float, variance: float, rate_variance: float) -> None:
        """Begins anew with a value, and nothing known of the rate but its variance."""
        self.time, self.state = time, np.array([value, 0.0])
        self.covariance = np.diag([variance, rate_variance])

    def predict(self, time: float) -> tuple[float, float]:
        """Value and its variance at a time."""
        state, covariance = self._ahead(time)
        return float(state[0]), float(covariance[0, 0])

    def update(self, time: float, error: float, variance: float) -> float:
        """Takes a measurement in, given by how far it lies from the prediction; the value."""
        state, covariance = self._ahead(time)
        gain = covariance[:, 0] / (covariance[0, 0] + variance)
        self.time, self.state = time, state + gain * error
        covariance = covariance - np.outer(gain, covariance[0])
        self.covariance = 0.5 * (covariance + covariance.T)
        return float(self.state[0])

    def _ahead(self, time: float) -> tuple[Floats, Floats]:
        step = time - self.time
        move = np.array([[1.0, step], [0.0, 1.0]])
        grown = self._density * np.array([[step**3 / 3, step**2 / 2], [step**2 / 2, step]])
        return move @ self.state, move @ self.covariance @ move.T + np.abs(grown)


class DirectPathFrames:
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
    are numbered by the clock anew, if that is what they are numbered by; else numbers go on.

    All frames up to the last that is found are used, lost or skipped: from 0 on, or, if they are
    numbered by the clock, from the first for which the stream has room after it began or the clock
    went back.

    Args:
        reference_at: frames as the direct path brings them, about frame k: while the ends move
            on, chains hear it otherwise.
        pilots: which frames are sent.
        carrier_window: where the carrier offset may lie about frame k [Hz].
        every: frames with an index that this divides are used.
        coast: how long the direct path may fade [s].
        stretch: by how much its delay grows a second [s/s] within a frame, in frame k, beyond
            what the frames' distance shows; None: not at all.
        zero: what the marks' clock shows at time zero [s], and how many samples later frame 0 is
            due: frames are numbered by it. None where that is not known.
    """

    def __init__(
        self,
        reference_at: Callable[[int], Reference],
        pilots: Pilots,
        *,
        carrier_window: Callable[[int], tuple[float, float]],
        every: int = 1,
        coast: float = 0.1,
        stretch: Callable[[int], float] | None = None,
        zero: tuple[float, float] | None = None,
    ) -> None:
        reference = reference_at(0)
        numerology = reference.numerology
        self._reference_at, self._symbol_length = reference_at, numerology.symbol_length
        self._pilots, self._every = pilots, every
        self._window, self._coast, self._stretch = carrier_window, coast, stretch
        self._zero = zero
        self._rate = numerology.sample_rate
        self._period, self._length = numerology.frame_period, numerology.frame_length
        most = max(1, int(LOOK_SPACING * self._rate / self._period))
        self._stride = max(d for d in range(1, min(every, most) + 1) if every % d == 0)
        # Values are samples by which frames come late, and Hz.
        self._late = Ramp(CLOCK_WANDER * self._rate)
        self._carrier = Ramp(CARRIER_WANDER)
        self.state = "searching"
        self.events = [Event("sync", {"state": "searching", "reason": "begins"})]
        self.frames_skipped = 0
        self.measurement: Measurement | None = None
        self._least_share = noise_share(reference, TRIALS)
        self._known = False  # whether there ever was a frame
        self._verified = False  # whether they have been measured since
        self._wide = False  # whether it may lie some samples from where it is expected
        self._reason = "before the first lock"
        self._seek: int | None = 0  # sample from which a whole period is searched, or None:
        self._candidate: int | None = None  # where a search has found what may be a frame
        self._vain = 0  # searches in a row that found nothing
        self._next = 0  # frame that is looked at
        self._origin = 0.0  # sample at which frame 0 begins, but for what frames come late
        self.accounted = 0  # frames before this one have been used, lost or skipped, or not sent
        self._last = 0  # last frame in which the direct path was found
        self._power: float | None = None
        self._begun = 0  # sample from which frames are numbered
        self._clock: tuple[int, tuple[int, float]] | None = None  # last mark with a time

    @property
    def window(self) -> Window | None:
        if self._seek is not None:
            return Window(self._seek, self._period + self._length + 1)
        start, _ = self._expected(self._next)
        return Window(start, self._length)

    def take(self, samples: Samples) -> Alignment | None:
        if self._seek is not None:
            self._search(samples, self._seek)
            return None
        return self._look(samples)

    def mark(self, mark: Mark) -> bool:
        missing = None
        if mark.time is not None:
            if self._clock is not None:
                passed = sum(a - b for a, b in zip(mark.time, self._clock[1], strict=True))
                missing = passed * self._rate - (mark.offset - self._clock[0])
            self._clock = mark.offset, mark.time
        first = mark.offset == 0
        if first or (missing is not None and abs(missing) < 0.5):
            return False
        self._gap(mark.offset, missing)
        return True

    def finish(self, end: int) -> None:
        # What was not found at the end need not have been sent.
        pass

    # What is expected

    def _time(self, index: int) -> float:
        """The time that the filters count by [s]."""
        return index * self._period / self._rate

    def _expected(self, index: int) -> tuple[int, float]:
        """Where the window of a frame begins, and how much later the frame is expected to."""
        late, _ = self._late.predict(self._time(index))
        begin = self._origin + late
        whole = round(begin)
        return index * self._period + whole, begin - whole

    def _index_at(self, sample: int) -> float:
        """Number of frames before a sample."""
        guess = (sample - self._origin) / self._period
        late, _ = self._late.predict(guess * self._period / self._rate)
        return (sample - self._origin - late) / self._period

    # Searching

    def _search(self, samples: Samples, begin: int) -> None:
        index = max(round(self._index_at(begin)), 0) if self._known else self._first_index(begin)
        found = acquire(samples, self._reference_at(index), self._window(index))
        if found is not None:
            self._found(found, begin)
        else:
            self._vain += 1
            self._seek = begin + self._period * (1 if self._vain < PATIENCE else PAUSE)
            self._give_up(self._seek)  # nothing before will be looked at

    def _give_up(self, sample: int) -> None:
        """Lost, if the direct path has been away for too long."""
        away = (self._index_at(sample) - self._last) * self._period / self._rate
        if self.state == "locked" and away > self._coast:
            self._tell("lost", self._reason)

    def _found(self, found: Acquisition, begin: int) -> None:
        """A frame in a searched window: one that was expected, or another beginning."""
        self._vain = 0
        place = begin + found.start
        cycle = self._pilots.cycle
        index = round(self._index_at(place)) if self._known else self._first_index(place)
        self._give_up(place)
        if self.state == "locked":
            start, delay = self._expected(index)
            off = place - start - delay
            if abs(off) < WIDE and (index - found.frame) % cycle == 0:
                # Of a frame that is cut there, the next one is as good.
                self._next = index if start >= begin else self._looked_at(index + 1)
                self._seek, self._wide = None, True
                return
        if not self._confirmed(place):
            # Beside a frame that is cut or out of sight there are lesser places that look like one.
            margin = 2 * self._symbol_length
            self._candidate = place
            self._seek = max(place + self._period - margin, begin + 1)
            return
        if self.state == "locked":
            self._tell("lost", f"the direct path's timing jumped by {round(off)} samples")
        index = max(index, self.accounted)
        index += (found.frame - index) % cycle
        if not self._known and self._zero is not None and self._clock is not None:
            self.accounted = max(index - (place - self._begun) // self._period, 0)
        self._begin(index, place, found.carrier)

    def _confirmed(self, place: int) -> bool:
        """Whether a place is some frame periods after the one that was found before."""
        if self._candidate is None:
            return False
        passed = place - self._candidate
        periods = round(passed / self._period)
        off = abs(passed - periods * self._period)
        return 1 <= periods <= CONFIRMED_WITHIN and off <= 2 + 2 * CLOCK_OFFSET * passed

    def _first_index(self, place: int) -> int:
        """Number of the first frame that is found."""
        if self._zero is None or self._clock is None:
            return floor(place / self._period)
        offset, time = self._clock
        zero, first = self._zero
        since = (time[0] - floor(zero)) * self._rate + (time[1] - zero % 1) * self._rate
        return max(round((since + place - offset - first) / self._period), 0)

    def _begin(self, index: int, place: float, carrier: float) -> None:
        """Begins to track at a frame whose place and carrier offset are roughly known."""
        time = self._time(index)
        self._origin = place - index * self._period
        self._late.set(time, 0.0, 0.5, (CLOCK_OFFSET * self._rate) ** 2)
        width = self._rate / self._length
        self._carrier.set(time, carrier, (width / 4) ** 2, CARRIER_WANDER**2)
        self._known, self._verified, self._wide = True, False, True
        self._next, self._seek, self._power = index, None, None
        self._candidate = None

    def _gap(self, offset: int, missing: float | None) -> None:
        """Samples are missing before sample `offset`, perhaps it is known how many."""
        back = missing is not None and missing < 0
        if missing is not None and not back:
            self.events.append(Event("gap", {"missing": round(missing)}))
            self._origin -= missing
        self._candidate = None
        reason = ""
        if missing is None:
            reason = "a gap of unknown length"
        elif back:
            reason = f"rx_time went back by {-missing:.0f} samples"
        elif missing > self._coast * self._rate:
            reason = f"a gap of {missing / self._rate:.3g} s"
        if reason and self.state == "locked":
            self._tell("lost", reason)
        if back and self._zero is not None:
            self._number_anew(offset)
        if self._seek is not None or self.state != "locked":
            self._seek = offset
        else:
            self._reason = "cut off by a gap"
            self._next = self._looked_at(ceil(self._index_at(offset)))

    def _number_anew(self, offset: int) -> None:
        """Frames after a sample are numbered as if the stream began there."""
        if self._known:
            self._account(floor(self._index_at(offset)))
        self._known, self.accounted, self._begun = False, 0, offset

    # Tracking

    def _look(self, samples: Samples) -> Alignment | None:
        """Measures the direct path in a frame; the frame, if it is used."""
        index = self._next
        time = self._time(index)
        start, delay = self._expected(index)
        (late, late_variance), (carrier, carrier_variance) = (
            ramp.predict(time) for ramp in (self._late, self._carrier)
        )
        stretch = float(self._late.state[1]) / self._rate
        if self._stretch is not None:
            stretch += self._stretch(index)
        expected = Alignment(index, start, delay, stretch, carrier, self._clock_time(start + delay))
        found, reason = self._measure(samples, expected, late_variance, carrier_variance)
        self.measurement = found
        if found is None:
            self._missed(start, reason)
            return None
        if reason:
            # Found, but not where it should be
            if self.state == "locked":
                self._tell("lost", reason)
            self._begin(index, start + delay + found.delay, carrier + found.carrier)
            self._last, self._next = index, self._looked_at(index + 1, 1)
            return None
        gain = self._late.update(time, found.delay, found.delay_variance) - late
        carrier = self._carrier.update(time, found.carrier, found.carrier_variance)
        self._last, self._wide, self._verified = index, False, True
        if self.state != "locked":
            self._tell("locked", "the direct path is found")
        self._level(float(np.vdot(samples, samples).real))
        self._next = self._looked_at(index + 1)
        if index % self._every or not self._pilots.sends(index):
            return None
        self._account(index)
        self.accounted = index + 1
        delay += gain
        return replace(expected, delay=delay, carrier=carrier, time=self._clock_time(start + delay))

    def _measure(
        self, samples: Samples, expected: Alignment, late: float, carrier: float
    ) -> tuple[Measurement | None, str]:
        """The direct path in a frame, None if it is not there; and what is wrong."""
        if not np.isfinite(samples.view(np.float32).sum()):
            return None, "values that are not finite"
        reference = self._reference_at(expected.index)
        grid = aligned_grid(samples, expected, reference.numerology)
        width = self._rate / self._length
        late_span = max(4 * np.sqrt(late), WIDE * self._wide)
        carrier_span = 4 * np.sqrt(carrier)
        cycle = expected.index % self._pilots.cycle
        spans = (
            late_span if late_span > 0.5 else 0.0,
            carrier_span if carrier_span > width / 4 else 0.0,
        )
        found = measure(grid, reference, cycle, *spans)
        if not self._stands_out(grid, reference, cycle, found):
            # It may still be there beside a signal that is stronger.
            grid = equalized(grid)
            found = measure(grid, reference, cycle, *spans)
            if not self._stands_out(grid, reference, cycle, found):
                return None, "the direct path faded"
        if found.unevenness > UNEVEN:
            return None, "a level step within the frame"
        if self._verified:
            off = found.delay**2 / (late + found.delay_variance + TOLERATED_DELAY**2)
            if off > OUTLIER**2:
                return found, f"the direct path's timing jumped by {found.delay:.2f} samples"
            off = found.carrier**2 / (carrier + found.carrier_variance + TOLERATED_CARRIER**2)
            if off > OUTLIER**2:
                return found, f"the direct path's carrier jumped by {found.carrier:.0f} Hz"
        return found, ""

    def _stands_out(
        self, grid: Samples, reference: Reference, frame: int, found: Measurement
    ) -> bool:
        return found.share > self._least_share and stands_out(grid, reference, frame, found, TRIALS)

    def _missed(self, start: int, reason: str) -> None:
        """The direct path is not in a frame: looks for it everywhere after its beginning."""
        self._reason, self._candidate = reason, None
        self._seek = start + 1
        self._give_up(start)

    def _level(self, power: float) -> None:
        """Tells if the level has changed much."""
        before, self._power = self._power, power
        if before and power and abs(change := 10 * np.log10(power / before)) > LEVEL_STEP:
            self.events.append(Event("level_step", {"change_db": float(change)}))

    def _looked_at(self, index: int, stride: int | None = None) -> int:
        """The first frame from `index` on that is sent and looked at."""
        stride = stride or self._stride
        found = next_used(self._pilots, stride, index)
        return index if found is None else found

    # What is told

    def _clock_time(self, sample: float) -> float:
        """When a sample was received [s]: since time zero, or by the marks if that is not known, or
        since the stream began if there are none."""
        if self._clock is None:
            return sample / self._rate
        offset, (whole, fraction) = self._clock
        if self._zero is not None:
            whole, fraction = whole - floor(self._zero[0]), fraction - self._zero[0] % 1
        return whole + fraction + (sample - offset) / self._rate

    def _tell(self, state: str, reason: str) -> None:
        self.state = state
        self.events.append(Event("sync", {"state": state, "reason": reason}))
        if state == "lost":
            self._reason = reason

    def _account(self, index: int) -> None:
        """Counts the frames before `index` that nothing was said of."""
        if index <= self.accounted:
            return
        used = used_before(self._pilots, self._every, index)
        used -= used_before(self._pilots, self._every, self.accounted)
        self.frames_skipped += index - self.accounted - used
        if used:
            first = next_used(self._pilots, self._every, self.accounted)
            details = {"frame": first, "count": used, "reason": self._reason}
            self.events.append(Event("frames_lost", details))
        self.accounted = index
