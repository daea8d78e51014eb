# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that say how well a scenario or a waveform allows to sense."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click
import numpy as np
from click.core import ParameterSource

from ..scenario import load_scenario
from ..scenario.truth import bound as position_bound
from ..scenario.truth import true_paths
from ..systems.bistatic import warnings as scenario_warnings
from ..waveform.tradeoff import SensingWaveform, echo_excess_delay
from .options import MOST, Number, settings_option
from .output import Failure, warn

__all__ = ["COMMANDS"]


@click.command()
@click.argument("scenario")
@settings_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object an SNR.")
def bound(scenario: str, settings: dict[str, Any], as_json: bool) -> None:
    """Prints how well SCENARIO allows to locate: the Cramer-Rao bound of the position."""
    chosen = load_scenario(scenario, settings)
    warn(scenario_warnings(chosen))
    others = len(chosen.channel.paths) > 1
    # A plane or line that the scenario knows takes the place of the height.
    known = chosen.known
    other = len(known.normals) > 0 and known.height is None
    what = ("line" if len(known.normals) == 2 else "plane") if other else "height"
    if not as_json:
        click.echo(f"{chosen.name}: bound of the root mean square position error of one frame [m]")
        others_head = f" {f'{what} unknown,':>18}", f" {'and other paths':>18}"
        click.echo(f"{'':>8} {what:>12} {what:>12}" + others_head[0] * others)
        click.echo(f"{'SNR [dB]':>8} {'unknown':>12} {'known':>12}" + others_head[1] * others)
    others_set = {k: v for k, v in settings.items() if not k.startswith("channel.noise")}
    for snr_db in range(-20, 25, 5):
        at_snr = load_scenario(scenario, {**others_set, "channel.noise": {"snr_db": snr_db}})
        values = [position_bound(at_snr, 0, known_height=False)]
        values.append(position_bound(at_snr, 0, known_height=None if other else True))
        if np.isnan(values).any():
            raise Failure(f"{chosen.name}: there is no bound without a target and its echo")
        if others:
            values.append(position_bound(at_snr, 0, known_height=False, nuisance=True))
        if as_json:
            names = "unknown", f"{what}_known", "other_paths_unknown"
            finite = (value if math.isfinite(value) else None for value in values)
            click.echo(json.dumps({"snr_db": snr_db, **dict(zip(names, finite, strict=False))}))
        else:
            widths = 12, 12, 18
            cells = [f" {v:>{w}.3f}" for v, w in zip(values, widths, strict=False)]
            click.echo(f"{snr_db:>8}" + "".join(cells))


@click.command()
@click.argument("scenario", required=False)
@click.option(
    "--numerology",
    "numerologies",
    multiple=True,
    type=click.IntRange(0, 6),
    metavar="MU",
    help="NR's 15 kHz x 2^MU with its normal prefix; 0 to 6 if nothing is given.",
)
@click.option(
    "--subcarrier-spacing",
    "spacings",
    multiple=True,
    type=Number(1, 1e9),
    metavar="HZ",
    help="Any spacing, without prefix unless one is given. May be repeated, as --numerology may.",
)
@click.option(
    "--carrier-frequency",
    type=Number(1, 1e15),
    default=2e9,
    show_default=True,
    metavar="HZ",
    help="Carrier [Hz].",
)
@click.option(
    "--subcarriers",
    type=click.IntRange(1, MOST),
    default=1024,
    show_default=True,
    metavar="N",
    help="Occupied subcarriers.",
)
@click.option(
    "--symbols",
    type=click.IntRange(1, MOST),
    default=14,
    show_default=True,
    metavar="N",
    help="Symbols that are processed together.",
)
@click.option(
    "--symbol-us",
    type=Number(0, 1e9, min_open=True),
    metavar="US",
    help="Symbol without prefix [us]; else 1 / spacing.",
)
@click.option("--prefix-us", type=Number(0, 1e9), metavar="US", help="Cyclic prefix [us].")
@click.option(
    "--radius",
    type=Number(0, 1e9),
    metavar="M",
    help="Radius of the scene around the receiver [m].",
)
@click.option(
    "--beam-radius",
    type=Number(0, 1e9),
    metavar="M",
    help="Radius of the area that several satellites serve together [m].",
)
@click.option(
    "--max-zenith-deg",
    type=Number(0, 90, min_open=True),
    default=90.0,
    show_default=True,
    metavar="DEG",
    help="Greatest zenith angle of the satellites.",
)
@settings_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a waveform.")
@click.pass_context
def waveform(
    ctx: click.Context,
    scenario: str | None,
    numerologies: Sequence[int],
    spacings: Sequence[float],
    carrier_frequency: float,
    subcarriers: int,
    symbols: int,
    symbol_us: float | None,
    prefix_us: float | None,
    radius: float | None,
    beam_radius: float | None,
    max_zenith_deg: float,
    settings: dict[str, Any],
    as_json: bool,
) -> None:
    """Prints what an OFDM waveform can sense, of SCENARIO or of any numerology.

    Ranges and velocities are a monostatic radar's; a bistatic range is twice as long. Warns of
    what will not work.
    """
    max_zenith = math.radians(max_zenith_deg)
    excess = None if radius is None else echo_excess_delay(radius, max_zenith)
    if scenario is None:
        if settings:
            raise click.UsageError("--set changes the keys of a SCENARIO, and none is given")
        if not (numerologies or spacings):
            numerologies = range(7)
        # TS 38.211, clause 5.3.1: 144 of 2048 samples, but for the first symbol of half a subframe
        rows = [(15e3 * 2**mu, 144 / 2048 / (15e3 * 2**mu)) for mu in numerologies]
        rows += [(spacing, 0.0) for spacing in spacings]
        waveforms = [
            SensingWaveform(
                carrier_frequency,
                spacing,
                subcarriers,
                symbols,
                None if symbol_us is None else symbol_us * 1e-6,
                prefix if prefix_us is None else prefix_us * 1e-6,
            )
            for spacing, prefix in rows
        ]
    else:
        own = "radius", "beam_radius", "max_zenith_deg", "scenario", "settings", "as_json"
        for name in ctx.params.keys() - {*own}:
            if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT:
                raise click.UsageError(
                    "a SCENARIO brings its own waveform: change its keys by --set, such as "
                    "--set numerology.subcarrier_spacing=60e3"
                )
        chosen = load_scenario(scenario, settings)
        n = chosen.numerology
        waveforms = [
            SensingWaveform(
                n.carrier_frequency,
                n.subcarrier_spacing,
                n.subcarriers,
                n.symbols,
                cyclic_prefix=n.shortest_prefix / n.sample_rate,
            )
        ]
        # a radius may ask for more than the scenario's own paths
        excess = float(np.max(true_paths(chosen, 0).delay, initial=excess or 0.0))
    for line in map(_waveform_to_json, waveforms) if as_json else _waveform_rows(waveforms):
        click.echo(line)
    for w in waveforms:
        for text in w.warnings(excess_delay=excess, beam_radius=beam_radius, max_zenith=max_zenith):
            click.echo(f"dislac: warning: {w.subcarrier_spacing / 1e3:g} kHz: {text}", err=True)


def _waveform_to_json(w: SensingWaveform) -> str:
    return json.dumps(
        {
            "subcarrier_spacing": w.subcarrier_spacing,
            "useful_duration": w.useful_duration,
            "cyclic_prefix": w.cyclic_prefix,
            "unambiguous_range": w.unambiguous_range,
            "range_resolution": w.range_resolution,
            "unambiguous_velocity": w.unambiguous_velocity,
            "velocity_resolution": w.velocity_resolution,
        }
    )


def _waveform_rows(waveforms: Iterable[SensingWaveform]) -> Iterator[str]:
    yield (
        f"{'spacing':>10} {'symbol':>10} {'prefix':>10} {'unambiguous':>13} {'range':>13} "
        f"{'unambiguous':>16} {'velocity':>16}"
    )
    yield (
        f"{'[kHz]':>10} {'[us]':>10} {'[us]':>10} {'range [m]':>13} {'step [m]':>13} "
        f"{'velocity [m/s]':>16} {'step [m/s]':>16}"
    )
    for w in waveforms:
        yield (
            f"{w.subcarrier_spacing / 1e3:>10g} {w.useful_duration * 1e6:>10.3f} "
            f"{w.cyclic_prefix * 1e6:>10.3f} {w.unambiguous_range:>13.3f} "
            f"{w.range_resolution:>13.4f} {w.unambiguous_velocity:>+16.3f} "
            f"{w.velocity_resolution:>16.3f}".replace("+", "±")
        )


COMMANDS: list[click.Command] = [bound, waveform]
