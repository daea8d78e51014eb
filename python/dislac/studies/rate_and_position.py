# SPDX-License-Identifier: GPL-3.0-or-later
"""What does the payload cost the position, and the sensing pilots the rate?

Elements and power of a frame are shared between sensing pilots and payload. The rate is that of a
terminal with a single antenna on a flat channel, which it learns from pilots and DM-RS; the
position bound that of the base station, which knows the pilots alone, or the payload as well. Run
with ``python -m gnuradio.dislac.studies.rate_and_position``.
"""

from dataclasses import dataclass
from typing import Any

import click
import numpy as np

from ..bounds import position_bound
from ..scenario import Scenario, load_scenario
from ..scenario.levels import noise_power
from ..scenario.routes import payload_model
from ..scenario.timing import ends, frame_time
from ..scenario.transmission import payload
from ..scenario.truth import bound, true_paths
from ..waveform import BITS_PER_SYMBOL, Equalizer, mutual_information

__all__ = ["TradeOff", "rate", "trade_off"]


@dataclass(frozen=True)
class TradeOff:
    """One way of sharing a frame.

    Args:
        rate: what a terminal receives while frames are sent, over their bandwidth [bit/s/Hz].
        pilots_alone: bound of the position from the sensing pilots [m].
        data_aided: the same from all that is sent, payload included [m].
    """

    rate: float
    pilots_alone: float
    data_aided: float


def rate(scenario: Scenario, terminal_snr: float) -> float:
    """Rate of a terminal with one antenna [bit/s/Hz], over the occupied band and the frame's time.

    The best constellation with bit-interleaved coding, after channel estimation: what the estimate
    is wrong by is noise.

    Args:
        scenario: with a payload.
        terminal_snr: E|h|^2 / E|z|^2 of an element of unit power.

    Source: Hassibi and Hochwald, "How much training is needed in multiple-antenna wireless links?",
    IEEE Trans. Inf. Theory 49(4), 2003, (10), with one antenna.
    """
    sent, numerology = payload(scenario), scenario.numerology
    equalizer = Equalizer(
        sent.known_power,
        numerology.symbol_times,
        numerology.frequencies,
        delay_window=scenario.estimator.delay_window,
        doppler_window=scenario.estimator.doppler_window,
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

    Args:
        scenario: with a payload whose chains send the pilots too.
        terminal_snr: see `rate`.
    """
    transmitter, receiver = ends(scenario)
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


@click.command()
@click.argument("source", default="paper")
@click.option("--comb", multiple=True, type=int, default=(2, 4, 8, 16), show_default=True)
@click.option("--share", multiple=True, type=float, default=(0.1, 0.25, 0.5, 0.75))
@click.option("--terminal-snr-db", default=15.0, show_default=True)
def main(
    source: str, comb: tuple[int, ...], share: tuple[float, ...], terminal_snr_db: float
) -> None:
    """Rate against position bound in the scenario SOURCE, with its own pilots thinned out.

    Each line is a comb (one element in so many is a pilot) and a share of the power that goes to
    the pilots.
    """
    click.echo("comb  power of pilots  rate [bit/s/Hz]  pilots alone [m]  data-aided [m]")
    for every in comb:
        for part in share:
            overrides: dict[str, Any] = {
                "payload": {
                    "modulation": "qpsk",
                    "pilot_comb": every,
                    "pilot_power_share": part,
                }
            }
            found = trade_off(load_scenario(source, overrides), 10 ** (terminal_snr_db / 10))
            click.echo(
                f"{every:4d}  {part:15.2f}  {found.rate:15.2f}  {found.pilots_alone:16.2f}  "
                f"{found.data_aided:14.2f}"
            )


if __name__ == "__main__":
    main()
