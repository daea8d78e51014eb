# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames placed in the transmitter's streams, and what the receiver gets of them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..scenario import Scenario
from ..scenario.build import frame_grid, pilot_frame, received
from ..scenario.truth import first_arrival, lead_in

__all__ = ["received_frames", "received_stream", "sent_stream"]

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
    lead = lead_in(scenario)
    sent = np.zeros((scenario.chains, lead + count * numerology.frame_period), np.complex64)
    places = sent[:, lead:].reshape(scenario.chains, count, numerology.frame_period)
    for index in filter(scenario.pilots.sends, range(count)):
        places[:, index, : numerology.frame_length] = frame(scenario, index)
    return sent


def received_stream(scenario: Scenario, count: int) -> Samples:
    """Streams (chains, n) of the receive chains while the first `count` frames are sent."""
    return received(scenario, sent_stream(scenario, count))


def received_frames(scenario: Scenario, count: int) -> Samples:
    """The first `count` demodulated frames (count, rows, Nq, Nrf) of the sample-domain chain.

    Frames that the scenario mutes are noise.
    """
    numerology = scenario.numerology
    samples = received_stream(scenario, count)
    starts = first_arrival(scenario) + numerology.frame_period * np.arange(count)
    grids = (
        frame_grid(scenario, samples[:, start : start + numerology.frame_length], index)
        for index, start in enumerate(starts)
    )
    return np.stack([scenario.pilots.descramble(grid, index) for index, grid in enumerate(grids)])
