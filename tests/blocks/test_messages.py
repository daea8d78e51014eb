# SPDX-License-Identifier: GPL-3.0-or-later
"""From frame vectors to fixes by messages, none of which is lost."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pmt
import pytest
from block_helpers import Collector, frames, small_scenario
from gnuradio import blocks, dislac, gr
from gnuradio.dislac.blocks import lifecycle, pmt_keys
from gnuradio.dislac.blocks.lifecycle import Guarded, take_errors
from gnuradio.dislac.channel import Paths, synthesize
from gnuradio.dislac.estimation import Estimate
from gnuradio.dislac.io import read_fixes
from gnuradio.dislac.positioning import FixStatus
from gnuradio.dislac.scenario import routes, truth
from gnuradio.dislac.systems import bistatic

SCENARIO = small_scenario()
SHAPE = (8, 32, 2)


def some_estimate(number: int) -> Estimate:
    paths = truth.true_paths(SCENARIO, number)
    first = Paths(*(getattr(paths, name)[:1] for name in Paths.__dataclass_fields__))
    return Estimate(first, np.eye(6)[None] * 1e-20, 1.0, 0.5, 0.1)


class Posts(Guarded, gr.sync_block):
    """Posts estimates, one a sample; if `early`, all of them after it has said that it is done."""

    def __init__(self, count: int, early: bool) -> None:
        gr.sync_block.__init__(self, "posts", None, [np.complex64])
        self.prepare(pmt_keys.PATHS)
        self.count, self.early = count, early
        self.ended, self.ahead = Event(), Event()
        self.posted = 0

    def post(self, number: int) -> None:
        pdu = pmt_keys.estimate_to_pdu(some_estimate(number), number, 0.0)
        self.publish(pmt_keys.PATHS, pdu)
        self.posted += 1

    def _is_ahead(self) -> bool:
        if ahead := super()._is_ahead():
            self.ahead.set()
        return ahead

    def work(self, input_items, output_items):
        done = self.nitems_written(0)
        if done == self.count:
            return -1
        if not self.early:
            self.post(done)
        return 1

    def finish(self) -> None:
        if self.early:
            time.sleep(0.05)  # long enough for all others to end, if they would
            for number in range(self.count):
                self.post(number)
        self.ended.set()


class Chain(gr.top_block):
    def __init__(self, count: int, early: bool = False, on_fix=None) -> None:
        gr.top_block.__init__(self)
        self.source = Posts(count, early)
        self.null = blocks.null_sink(8)
        self.locator = dislac.bistatic_locator(SCENARIO)
        self.sink = dislac.fix_sink(SCENARIO, on_fix=on_fix)
        self.connect(self.source, self.null)
        self.msg_connect((self.source, "paths"), (self.locator, "paths"))
        self.msg_connect((self.locator, "fix"), (self.sink, "fix"))


@pytest.mark.parametrize("early", [False, True])
def test_every_message_arrives_before_the_flowgraph_ends(early, monkeypatch):
    """However long its sender is busy with it: only others are waited for no longer than this."""
    monkeypatch.setattr(lifecycle, "QUIET", 0.01)
    kept = []
    for _ in range(3 if early else 40):
        fixes = []
        kept.append(Chain(5, early, fixes.append))
        kept[-1].run()
        assert [fix.frame for fix in fixes] == [0, 1, 2, 3, 4]


def test_a_slow_handler_loses_nothing():
    """It handles nothing before the source has ended with all messages on their way."""
    fixes = []

    def slowly(fix):
        assert chain.source.ended.wait(60)
        fixes.append(fix.frame)

    chain = Chain(100, on_fix=slowly)
    chain.run()
    assert fixes == list(range(100))


def test_senders_wait_for_those_that_are_far_behind(monkeypatch):
    """The first fix is handled only once the source waits; GNU Radio would drop messages."""
    monkeypatch.setattr(lifecycle, "MOST_WAITING", 10)
    fixes, under_way = [], []

    def slowly(fix):
        assert chain.source.ahead.wait(60)
        under_way.append(chain.source.posted - len(fixes))
        fixes.append(fix.frame)

    chain = Chain(200, on_fix=slowly)
    chain.run()
    assert fixes == list(range(200))
    # as many and one more before each of two blocks, and what each has in hand
    assert 10 < max(under_way) <= 2 * 11 + 2


def test_nobody_waits_for_a_block_that_has_failed(monkeypatch):
    monkeypatch.setattr(lifecycle, "MOST_WAITING", 10)

    def fail(fix):
        assert chain.source.ahead.wait(60)
        raise ValueError("enough")

    chain = Chain(200, on_fix=fail)
    chain.run()
    errors = take_errors([block.alias() for block in (chain.source, chain.locator, chain.sink)])
    assert {str(error.__cause__) for error in errors.values()} == {"enough"}


def test_a_flowgraph_runs_again():
    fixes = []
    chain = Chain(3, on_fix=fixes.append)
    for _ in range(3):
        chain.run()
    assert [fix.frame for fix in fixes] == [0, 1, 2] * 3
    assert chain.sink.fixes == 3


def test_blocks_that_do_not_close_their_ports_are_not_waited_for(monkeypatch):
    monkeypatch.setattr(lifecycle, "QUIET", 0.1)
    fixes = []
    chain = Chain(4, on_fix=fixes.append)
    chain.source.start = chain.source.stop = lambda: True
    chain.run()
    assert len(fixes) == 4


def test_fixes_are_the_librarys():
    fixes = []
    chain = Chain(3, on_fix=fixes.append)
    chain.run()
    for number, fix in enumerate(fixes):
        expected = bistatic.locate(SCENARIO, some_estimate(number), number)
        assert np.array_equal(fix.position, expected.position)
        assert np.array_equal(fix.covariance, expected.covariance)
        assert (fix.time, fix.error, fix.bound) == (expected.time, expected.error, expected.bound)
        assert fix.status is FixStatus.OK
        assert fix.error < 1e-3


class Estimating(gr.top_block):
    def __init__(self, vectors: np.ndarray, tags, **settings) -> None:
        gr.top_block.__init__(self)
        marks = [gr.tag_utils.python_to_tag((*tag, None)) for tag in tags]
        self.source = blocks.vector_source_c(vectors.ravel(), False, int(np.prod(SHAPE)), marks)
        self.estimator = dislac.path_estimator(SCENARIO, **settings)
        self.collector, self.events = Collector(), Collector()
        self.connect(self.source, self.estimator)
        self.msg_connect((self.estimator, "paths"), (self.collector, "in"))
        self.msg_connect((self.estimator, "events"), (self.events, "in"))

    def estimates(self):
        self.run()
        *messages, last = self.collector.all()
        assert pmt.is_eof_object(last)
        return [pmt_keys.estimate_from_pdu(message) for message in messages]


def some_frames(count: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    model = routes.snapshot_model(SCENARIO)
    signal = [synthesize(model, truth.true_paths(SCENARIO, k)) for k in range(count)]
    noise = rng.standard_normal((2, count, *SHAPE)) / 10
    return (np.array(signal) + noise[0] + 1j * noise[1]).astype(np.complex64)


def test_estimates_are_the_librarys():
    vectors = some_frames(3)
    tags = [*frames([(0, 5), (1, 7), (2, 9)]), (1, pmt_keys.RX_TIME, pmt_keys.time_to_tag(1.25))]
    found = Estimating(vectors, tags).estimates()
    assert [(index, at) for _, index, at in found] == [(5, 0.0), (7, 1.25), (9, 0.0)]
    # One for all frames, in their order: it learns from each for the next.
    estimator = bistatic.estimator(SCENARIO)
    for vector, (estimate, index, _) in zip(vectors, found, strict=True):
        expected = estimator.estimate(vector, index)
        assert np.array_equal(estimate.paths.delay, expected.paths.delay)
        assert np.array_equal(estimate.covariance, expected.covariance)
        assert estimate.detected


def test_a_frame_that_cannot_be_used_is_dropped():
    vectors = some_frames(3)
    vectors[1, 0, 0, 0] = np.nan
    graph = Estimating(vectors, frames([(k, k) for k in range(3)]))
    assert [index for _, index, _ in graph.estimates()] == [0, 2]
    (event,) = map(pmt_keys.event_from_pdu, graph.events.all())
    assert (event["event"], event["frame"]) == ("frame_dropped", 1)
    assert graph.estimator.frames_lost == 1


def test_settings_stand_in_for_the_scenarios():
    graph = Estimating(some_frames(1), frames([(0, 0)]), estimator="mmv-bomp", max_paths=2)
    (found,) = graph.estimates()
    kind = small_scenario(estimator__kind="mmv-bomp", estimator__max_paths=2)
    expected = bistatic.estimator(kind).estimate(some_frames(1)[0])
    assert np.array_equal(found[0].paths.arrival, expected.paths.arrival)


def test_a_fix_sink_writes_files(tmp_path):
    chain = Chain(3)
    chain.sink._directory = tmp_path / "fixes"
    chain.run()
    assert [fix.frame for fix in read_fixes(tmp_path / "fixes" / "fixes.jsonl")] == [0, 1, 2]
    assert not take_errors()


def test_the_truth_is_the_same_in_any_thread():
    """Threads have memory of their own, and short arrays lie elsewhere in it each time."""
    expected = truth.true_paths(SCENARIO, 3).gain.tobytes()

    def differing() -> int:
        return sum(truth.true_paths(SCENARIO, 3).gain.tobytes() != expected for _ in range(1000))

    with ThreadPoolExecutor(3) as pool:
        found = [pool.submit(differing) for _ in range(3)]
    assert [future.result() for future in found] == [0, 0, 0]
