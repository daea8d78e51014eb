# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters that change while a flowgraph runs, from another thread."""

from collections.abc import Callable
from itertools import pairwise
from threading import Condition, Thread
from typing import Any

import numpy as np
import pmt
import pytest
from block_helpers import small_scenario
from gnuradio import dislac, gr
from gnuradio.dislac.blocks import pmt_keys
from gnuradio.dislac.dsp import StreamError
from gnuradio.dislac.scenario import ECHO_ALONE, ScenarioError
from gnuradio.dislac.systems import bistatic

PATIENCE = 120.0  # s, for a machine that is busy
PERIOD = 7_680
QUIET = {"numerology__frame_period": 4 * PERIOD, "channel__noise": {"snr_db": 30}, **ECHO_ALONE}
"""Frames far apart: few are in the buffers when something changes, and an estimate takes long."""


class Watcher:
    """What has come, for a thread that waits for something to come."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self._come = Condition()

    def note(self, value: Any) -> None:
        with self._come:
            self.seen.append(value)
            self._come.notify_all()

    def wait_for(self, wanted: Callable[[Any], bool], count: int = 5) -> list[Any]:
        """The next `count` values in a row that are wanted, and what came before them."""
        first = len(self.seen)

        def there() -> bool:
            last = self.seen[first:][-count:]
            return len(last) == count and all(map(wanted, last))

        with self._come:
            assert self._come.wait_for(there, PATIENCE), self.seen[-count:]
        return self.seen[-count:]


class Messages(Watcher, gr.basic_block):
    """Messages of one port, read."""

    def __init__(self, read: Callable[[Any], Any]) -> None:
        gr.basic_block.__init__(self, "messages", None, None)
        Watcher.__init__(self)
        self._read = read
        self.message_port_register_in(pmt.intern("in"))
        self.set_msg_handler(pmt.intern("in"), self.handle)

    def handle(self, message: Any) -> None:
        if not pmt.is_eof_object(message):
            self.note(self._read(message))


class Indices(Watcher, gr.sync_block):
    """Indices of frame vectors."""

    def __init__(self, size: int) -> None:
        gr.sync_block.__init__(self, "indices", [(np.complex64, size)], None)
        Watcher.__init__(self)

    def work(self, input_items, output_items):
        for tag in self.get_tags_in_window(0, 0, len(input_items[0]), pmt_keys.FRAME):
            self.note(pmt_keys.frame_from_tag(tag.value)[0])
        return len(input_items[0])


class Chain(gr.top_block):
    """From pilots without end to paths and fixes."""

    def __init__(self, scenario) -> None:
        gr.top_block.__init__(self)
        self.source = dislac.pilot_source(scenario)
        self.precompensator = dislac.precompensator(scenario)
        self.channel = dislac.leo_channel(scenario)
        self.demodulator = dislac.ofdm_demodulator(scenario)
        # Frames that wait in it were made before a change.
        self.demodulator.set_log_level("error")
        self.demodulator.set_max_output_buffer(1)
        self.estimator = dislac.path_estimator(scenario)
        self.locator = dislac.bistatic_locator(scenario)
        self.paths = Messages(lambda message: pmt_keys.estimate_from_pdu(message)[0])
        self.fixes = Messages(pmt_keys.fix_from_pdu)
        row = self.source, self.precompensator, self.channel, self.demodulator
        for block, successor in pairwise(row):
            for chain in range(scenario.chains):
                self.connect((block, chain), (successor, chain))
        self.connect(self.demodulator, self.estimator)
        self.msg_connect((self.estimator, "paths"), (self.locator, "paths"))
        self.msg_connect((self.estimator, "paths"), (self.paths, "in"))
        self.msg_connect((self.locator, "fix"), (self.fixes, "in"))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        self.wait()


@pytest.mark.usefixtures("roughly_calibrated")
def test_errors_of_the_precompensation_change():
    with Chain(small_scenario(**QUIET)) as chain:
        block, fixes = chain.precompensator, chain.fixes
        exact = fixes.wait_for(lambda fix: fix.valid)
        delay = np.mean([fix.residual_delay for fix in exact])
        doppler = np.mean([fix.residual_doppler for fix in exact])
        block.set_timing_advance_error_ns(100.0)
        fixes.wait_for(lambda fix: abs(fix.residual_delay - delay - 100e-9) < 5e-9)
        with pytest.raises(ScenarioError, match="doppler_error_hz"):
            block.set_doppler_error_hz("much")
        with pytest.raises(StreamError, match=r"may change by 0\.00427 s"):
            block.set_timing_advance_error_ns(4.5e6)
        block.set_doppler_error_hz(200.0)
        late = fixes.wait_for(lambda fix: abs(fix.residual_doppler - doppler - 200) < 40)
        assert all(abs(fix.residual_delay - delay - 100e-9) < 5e-9 for fix in late)
        block.set_timing_advance_error_ns(None)
        block.set_doppler_error_hz(None)
        fixes.wait_for(lambda fix: abs(fix.residual_delay - delay) < 5e-9)


@pytest.mark.usefixtures("roughly_calibrated")
def test_settings_of_the_estimator_change():
    with Chain(small_scenario(**QUIET)) as chain:
        block, paths = chain.estimator, chain.paths
        usual = paths.wait_for(lambda found: found.covariance is not None)[-1].threshold
        block.set_false_alarm_rate(1e-4)
        stricter = paths.wait_for(lambda found: found.threshold > usual)[-1].threshold
        block.set_estimator("mmv-bomp")
        paths.wait_for(lambda found: found.covariance is None)
        with pytest.raises(ScenarioError, match=r"estimator\.kind"):
            block.set_estimator("music")
        block.set_estimator(None)
        paths.wait_for(lambda found: found.covariance is not None and found.threshold == stricter)
        block.set_false_alarm_rate(None)
        paths.wait_for(lambda found: found.threshold == usual)


@pytest.mark.usefixtures("roughly_calibrated")
def test_more_paths_are_looked_for():
    """An echo, and a scatterer 60 m away from the receiver."""
    scattered = {"kind": "scattered", "position": [-100, 210, 60], "reflection_loss_db": 0}
    scene = {**QUIET, "channel.paths": [{"kind": "echo"}, scattered]}
    with Chain(small_scenario(**scene)) as chain:
        chain.paths.wait_for(lambda found: len(found.paths.delay) == 1)
        chain.estimator.set_max_paths(2)
        chain.paths.wait_for(lambda found: len(found.paths.delay) == 2)


@pytest.mark.usefixtures("roughly_calibrated")
def test_what_the_locator_knows_changes():
    with Chain(small_scenario(**QUIET)) as chain:
        unknown = chain.fixes.wait_for(lambda fix: fix.valid)[-1].bound
        chain.locator.set_known_height_m(0.0)
        known = chain.fixes.wait_for(lambda fix: fix.bound < unknown)[-1].bound
        chain.locator.set_snr_db(10.0)
        fainter = chain.fixes.wait_for(lambda fix: fix.bound > known)
        assert [fix.bound / known for fix in fainter] == pytest.approx([10.0] * 5, rel=1e-3)
        chain.locator.set_snr_db(None)
        chain.locator.set_known_height_m(None)
        chain.fixes.wait_for(lambda fix: fix.bound == pytest.approx(unknown, rel=0.02))


class Found(gr.top_block):
    """From a link without end to frame vectors, found as the scenario says."""

    def __init__(self, scenario) -> None:
        gr.top_block.__init__(self)
        self.link = dislac.leo_link(scenario)
        self.front_end = dislac.front_end(scenario)
        self.demodulator = dislac.ofdm_demodulator(scenario)
        self.indices = Indices(int(np.prod(scenario.pilots.frame_shape)))
        for chain in range(scenario.chains):
            self.connect((self.link, chain), (self.front_end, chain), (self.demodulator, chain))
        self.connect(self.demodulator, self.indices)


@pytest.mark.parametrize("reference", ["tags", "time", "direct-path"])
def test_other_frames_are_used(reference):
    scene = {
        "numerology__frame_period": PERIOD,
        "channel__noise": {"snr_db": 20},
        "synchronization__reference": reference,
        "estimator__every": 3,
    }
    tb = Found(small_scenario(**scene))
    tb.start()
    try:
        seen = tb.indices.wait_for(lambda index: index % 3 == 0)
        assert np.ptp(seen) == 12
        for every in (5, 1, 4, None):
            tb.demodulator.set_every(every)
            count = 3 if every is None else every
            # every index is a multiple of one, also those that were on their way
            seen = tb.indices.wait_for(
                lambda index, n=count: index % n == 0 and index - n in tb.indices.seen, 9
            )
            assert np.diff(seen[-8:]).tolist() == [count] * 7
        with pytest.raises(ScenarioError, match="every"):
            tb.demodulator.set_every(0)
    finally:
        tb.stop()
        tb.wait()
    before_the_lock = int(reference == "direct-path")
    assert tb.demodulator.frames_lost == before_the_lock
    # Each frame up to the last one used counts once.
    counted = tb.demodulator.frames_used + tb.demodulator.frames_skipped + before_the_lock
    assert counted >= tb.indices.seen[-1] + 1


def test_changes_from_several_threads_are_all_kept():
    block = dislac.path_estimator(small_scenario(**QUIET))
    changes = {
        block.set_max_paths: (1, 2, 3, 4, 3),
        block.set_false_alarm_rate: (0.1, 0.2, 0.05, 0.1, 0.2),
    }

    def change(setter: Callable[[Any], None], values: tuple[Any, ...]) -> None:
        for value in values:
            setter(value)

    threads = [Thread(target=change, args=item) for item in changes.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    settings = bistatic.settings_of(block._settings.scenario)
    assert (settings.max_paths, settings.false_alarm_rate) == (3, 0.2)
