# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames placed in the transmitter's streams, and what the receiver gets of them."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from ..scenario import Scenario
from ..scenario.emulation import channel
from ..scenario.reception import frame_grid, front_end, received
from ..scenario.timing import first_arrival, flush, preamble
from ..scenario.transmission import pilot_frame, precompensator

__all__ = ["network_frames", "received_frames", "received_stream", "sent_stream"]

Samples = NDArray[np.complex64]


def sent_stream(
    scenario: Scenario, count: int, frame: Callable[[Scenario, int], Samples] = pilot_frame
) -> Samples:
    """Place the first `count` frames in the transmit streams.

    Parameters
    ----------
    scenario
        Its pilots say which frames are sent.
    count
        Number of frame periods.
    frame
        Gives the samples (chains, frame length) of a frame.

    Returns
    -------
    ndarray
        Samples (chains, n): silence until the first frame is due, then the frame periods.
    """
    numerology = scenario.numerology
    lead = preamble(scenario)
    sent = np.zeros(
        (scenario.transmit_chains, lead + count * numerology.frame_period), np.complex64
    )
    slots = sent[:, lead:].reshape(scenario.transmit_chains, count, numerology.frame_period)
    for index in filter(scenario.pilots.sends, range(count)):
        slots[:, index, : numerology.frame_length] = frame(scenario, index)
    return sent


def received_stream(scenario: Scenario, count: int) -> Samples:
    """Streams (chains, n) of the receive chains while the first `count` frames are sent."""
    return received(scenario, sent_stream(scenario, count))


def received_frames(scenario: Scenario, count: int) -> Samples:
    """The first `count` demodulated frames (count, rows, Nq, Nrf) of the sample-domain chain.

    Frames that the scenario mutes are noise.

    Examples
    --------
    The samples of a scene without noise, demodulated, are what the snapshot model says.

    >>> import numpy as np
    >>> from gnuradio.dislac.channel import synthesize
    >>> from gnuradio.dislac.scenario import ECHO_ALONE, load_scenario
    >>> from gnuradio.dislac.scenario.routes import snapshot_model
    >>> from gnuradio.dislac.scenario.truth import true_paths
    >>> from gnuradio.dislac.simulation import received_frames
    >>> scene = load_scenario("paper", {**ECHO_ALONE, "channel.noise": {}})
    >>> (frame,) = received_frames(scene, count=1)
    >>> model = synthesize(snapshot_model(scene), true_paths(scene, frame=0))
    >>> error = np.linalg.norm(frame - model) / np.linalg.norm(model)
    >>> frame.shape, bool(error < 0.02)
    ((8, 32, 8), True)
    """
    return _demodulated(scenario, received_stream(scenario, count), count)


def network_frames(
    scenario: Scenario, count: int, samples: Mapping[str, Samples] | None = None
) -> dict[tuple[str, str], Samples]:
    """Demodulate the first `count` frames of every transmitter at every receiver.

    Parameters
    ----------
    scenario
        Its nodes transmit and receive.
    count
        Number of frame periods.
    samples
        Streams (chains, n) of each transmitter whose samples are handed in, by name; as they leave
        it, zeros behind them.

    Returns
    -------
    dict
        Frames (count, rows, Nq, Nrf), by names of transmitter and receiver.
    """
    senders = [scenario.at(transmitter=name) for name in scenario.nodes.framed]
    sent = [sent_stream(seen, count) for seen in senders]
    length = max(stream.shape[1] for stream in sent)
    length += max(flush(seen, length) for seen in senders)
    inputs = []
    for seen, stream in zip(senders, sent, strict=True):
        stream = np.pad(stream, ((0, 0), (0, length - stream.shape[1])))
        advance = precompensator(seen)
        inputs.append(stream if advance is None else advance.process(stream))
    shortest = min(stream.shape[1] for stream in inputs)
    for name in list(scenario.nodes.transmitters)[len(senders) :]:
        given = (samples or {})[name][:, :shortest]
        inputs.append(np.pad(given, ((0, 0), (0, shortest - given.shape[1]))))
    emulator = channel(scenario)
    arrived = emulator.process(np.concatenate([stream[:, :shortest] for stream in inputs]))
    frames = {}
    for receiver, streams in scenario.receive_streams.items():
        own = arrived[streams.start : streams.stop]
        if (errors := front_end(scenario.at(receiver=receiver))) is not None:
            own = errors.process(own)
        for seen in (scenario.at(name, receiver) for name in scenario.nodes.framed):
            frames[seen.link.transmitter, receiver] = _demodulated(seen, own, count)
    return frames


def _demodulated(scenario: Scenario, samples: Samples, count: int) -> Samples:
    """The first `count` frames (count, rows, Nq, Nrf) in a receiver's streams."""
    numerology = scenario.numerology
    starts = first_arrival(scenario) + numerology.frame_period * np.arange(count)
    grids = (
        frame_grid(scenario, samples[:, start : start + numerology.frame_length], index)
        for index, start in enumerate(starts)
    )
    return np.stack([scenario.pilots.descramble(grid, index) for index, grid in enumerate(grids)])
