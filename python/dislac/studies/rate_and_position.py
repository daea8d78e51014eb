# SPDX-License-Identifier: GPL-3.0-or-later
"""What does the payload cost the position, and the pilots the rate?

Elements and power of a frame are shared between sensing pilots and payload. The rate is that of a
terminal with a single antenna on a flat channel, which it learns from pilots and DM-RS; the
position bound that of the base station, which knows the pilots alone, or the payload as well.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import click
import numpy as np

from ..bounds import position_bound
from ..scenario import Scenario, load_scenario, parse_scenario
from ..scenario.levels import noise_power
from ..scenario.routes import payload_model
from ..scenario.timing import endpoints, frame_time
from ..scenario.transmission import payload
from ..scenario.truth import bound, true_paths
from ..waveform import BITS_PER_SYMBOL, Equalizer, mutual_information
from .runner import Curve, Plot, Point, Results, Row, Study, Table, study_command

__all__ = ["TradeOff", "main", "rate", "rate_and_position", "trade_off", "trial"]


@dataclass(frozen=True)
class TradeOff:
    """One way of sharing a frame.

    Parameters
    ----------
    rate
        What a terminal receives while frames are sent, over their bandwidth [bit/s/Hz].
    pilots_alone
        Bound of the position from the sensing pilots [m].
    data_aided
        The same from all that is sent, payload included [m].
    """

    rate: float
    pilots_alone: float
    data_aided: float


def rate(scenario: Scenario, terminal_snr: float) -> float:
    """Rate of a terminal with one antenna [bit/s/Hz], over the occupied band and the frame's time.

    The best constellation with bit-interleaved coding, after channel estimation: what the estimate
    is wrong by is noise.

    Parameters
    ----------
    scenario
        With a payload.
    terminal_snr
        E|h|^2 / E|z|^2 of an element of unit power.

    References
    ----------
    Hassibi and Hochwald, "How much training is needed in multiple-antenna wireless links?",
    IEEE Trans. Inf. Theory 49(4), 2003, (10), with one antenna.
    """
    sent, numerology = payload(scenario), scenario.numerology
    equalizer = Equalizer(
        sent.known_power,
        numerology.symbol_times,
        numerology.frequencies,
        delay_window=scenario.windows.delay,
        doppler_window=scenario.windows.doppler,
        noise_power=1 / terminal_snr,
    )
    power = sent.amplitude**2 * terminal_snr
    error = np.minimum(equalizer.error[sent.data], 1.0)
    snr = np.maximum(power * (1 - error) / (1 + power * error), 1e-6)
    bits = max(float(np.sum(mutual_information(kind, snr))) for kind in BITS_PER_SYMBOL)
    time = numerology.frame_length / numerology.sample_rate
    return bits / (time * numerology.subcarriers * numerology.subcarrier_spacing)


def trade_off(scenario: Scenario, terminal_snr: float) -> TradeOff:
    """Rate and bounds of a scenario with a payload, target and payload as in frame 0.

    Parameters
    ----------
    scenario
        With a payload whose chains send the pilots too.
    terminal_snr
        See `rate`.
    """
    transmitter, receiver = endpoints(scenario)
    time = frame_time(scenario, 0)
    assert scenario.target is not None
    aided = position_bound(
        payload_model(scenario),
        true_paths(scenario, 0, 1),
        noise_power(scenario),
        transmitter=transmitter.state(time)[0],
        receiver=receiver.state(time)[0],
        position=scenario.target.motion.state(time)[0],
        known=scenario.known,
        speed=scenario.propagation_speed,
        power=payload(scenario).power,
    )
    return TradeOff(rate(scenario, terminal_snr), bound(scenario, 0), aided.deviation)


def trial(text: str, terminal_snr_db: float, point: Point, rng: np.random.Generator) -> Row:
    """Work out one way of sharing a frame; nothing is random.

    Parameters
    ----------
    text
        Of the scenario.
    terminal_snr_db
        See `rate`.
    point
        `comb`: one element in `comb` is a pilot; `share` of the power that pilots have.
    rng
        Not used.

    Returns
    -------
    dict
        Fields of `TradeOff`.
    """
    payload = {
        "modulation": "qpsk",
        "pilot_comb": point["comb"],
        "pilot_power_share": point["share"],
    }
    scenario = parse_scenario(text, overrides={"payload": payload})
    return vars(trade_off(scenario, 10 ** (terminal_snr_db / 10)))


def table(results: Results) -> list[Table]:
    """Rate and bounds of each way of sharing."""
    heading = (
        "comb",
        "power of pilots",
        "rate [bit/s/Hz]",
        "pilots alone [m]",
        "data-aided [m]",
    )
    keys = "rate", "pilots_alone", "data_aided"
    rows = [
        (point["comb"], point["share"], *(row[key] for key in keys)) for point, (row,) in results
    ]
    return [Table(heading, rows, ("d", ".2f", ".2f", ".2f", ".2f"))]


def rate_and_position(
    source: str = "paper",
    comb: tuple[int, ...] = (2, 4, 8, 16),
    share: tuple[float, ...] = (0.1, 0.25, 0.5, 0.75),
    terminal_snr_db: float = 15.0,
) -> Study:
    """Put the study together; the parameters are the command's options."""
    text = load_scenario(source).text
    points = [{"comb": every, "share": float(part)} for every in comb for part in share]
    settings = {"scenario": text, "terminal_snr_db": terminal_snr_db}
    plot = Plot(
        "rate [bit/s/Hz]",
        (Curve("pilots alone [m]"), Curve("data-aided [m]")),
        by=("comb",),
        label="bound of the position [m]",
    )
    chosen = partial(trial, text, terminal_snr_db)
    return Study("rate_and_position", points, chosen, table, settings, plot)


@study_command()
@click.argument("source", metavar="[SCENARIO]", default="paper")
@click.option(
    "--comb",
    multiple=True,
    type=click.IntRange(1, 10**6),
    default=(2, 4, 8, 16),
    show_default=True,
    metavar="N",
    help="One element in N is a pilot; may be repeated.",
)
@click.option(
    "--share",
    multiple=True,
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=(0.1, 0.25, 0.5, 0.75),
    show_default=True,
    metavar="SHARE",
    help="Share of the power that pilots have; may be repeated.",
)
@click.option(
    "--terminal-snr-db",
    type=click.FloatRange(-300, 300),
    default=15.0,
    show_default=True,
    metavar="DB",
    help="Signal-to-noise ratio of an element at the terminal.",
)
def main(**options: Any) -> Study:
    """Rate against position bound in a scenario, with its own pilots thinned out.

    Each row is a comb and a share of the power that goes to the pilots.
    """
    return rate_and_position(**options)
