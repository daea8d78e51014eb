# SPDX-License-Identifier: GPL-3.0-or-later
"""The dislac command: parses, calls, prints."""

import os

# Before numpy is loaded: the matrices are small, and the flowgraph has threads enough. Another
# number of BLAS threads also gives other last bits, and fixes are not to depend on how many cores
# there are.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import atexit
import math
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from threading import current_thread, main_thread
from types import ModuleType
from typing import IO, Any

import click
import numpy as np
import yaml
from click.core import ParameterSource

from . import __version__
from .commands import following, radios
from .commands.options import DECIBEL, FRAMES, MOST, SEED, Number
from .io import EXPORTS, RecordingReader
from .printable import printable
from .scenario import load_scenario, old_elements
from .scenario import warnings as scenario_warnings
from .scenario.loader import parse_value
from .scenario.truth import bound as position_bound
from .scenario.truth import true_paths
from .waveform.tradeoff import SensingWaveform, echo_excess_delay

__all__ = ["main"]

_COLUMNS, _HEADER, _row = following.COLUMNS, following.HEADER, following.row
_follow, _progress, _Running = following.follow, following.progress, following.Running


class _Failure(click.ClickException):
    """Ends the command with one line on stderr."""

    def show(self, file: IO[Any] | None = None) -> None:
        # One line; blanks within stay, as the columns of a line that is quoted count. What it
        # quotes may hold anything; only printable characters go to a terminal.
        text = " ".join(line.strip() for line in self.format_message().splitlines())
        click.echo(f"dislac: error: {printable(text, len(text))}", err=True, file=file)


class _Command(click.Group):
    """A group whose errors are one line each, never a traceback."""

    def main(self, *args: Any, **options: Any) -> Any:
        options["standalone_mode"] = False
        _open_closed_streams()
        _settle_matplotlib()
        try:
            with _signals() as came:
                status = super().main(*args, **options)
        except click.Abort:
            status = 128 + (came[-1] if came else signal.SIGINT)
            _drop_output()
        except click.UsageError as error:
            command = error.ctx.command_path if error.ctx else "dislac"
            _Failure(f"{error.format_message()} ({command} --help says more)").show()
            status = error.exit_code
        except click.ClickException as error:
            error.show()
            status = error.exit_code
        sys.exit(status)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for text in args:
            if any("\ud800" <= c <= "\udfff" for c in text):  # bytes that are no UTF-8
                raise click.UsageError(f"{text!a} is no text: give it in UTF-8")
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, BrokenPipeError):
            raise  # of the last, click makes a quiet end: nobody reads any more
        except (ValueError, OSError) as error:
            raise _Failure(str(error)) from None
        except Exception as error:
            reason = error.__cause__ or error  # a flowgraph's error tells which block had it
            if isinstance(reason, (ValueError, OSError)):
                raise _Failure(str(reason)) from None
            raise _Failure(f"unexpected {type(reason).__name__}: {reason}") from None


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Ends the command by an exception when a signal comes; gives the numbers of those that did."""
    came: list[int] = []

    def end(number: int, _: object) -> None:
        came.append(number)
        raise KeyboardInterrupt

    before = {}
    if current_thread() is main_thread():
        for number in following.ENDING:
            # What a shell runs in the background, or nohup, ignores some.
            if signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, end)
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _open_closed_streams() -> None:
    """Opens standard streams that are closed: a file of the run would take the number of one."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            setattr(sys, name, open(number, "r" if number == 0 else "w"))  # noqa: SIM115


def _settle_matplotlib() -> None:
    """Gives matplotlib a folder where the user has no home: it would complain, or not be there."""
    with suppress(RuntimeError):
        if os.access(Path.home(), os.W_OK):
            return
    if "MPLCONFIGDIR" not in os.environ:
        folder = TemporaryDirectory(prefix="dislac-")
        atexit.register(folder.cleanup)
        os.environ["MPLCONFIGDIR"] = folder.name


def _drop_output() -> None:
    """Drops what a signal has left unprinted: where nobody reads, the process would wait for it."""
    with suppress(OSError, ValueError):
        number = sys.stdout.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)


@click.group(cls=_Command, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="gr-dislac %(version)s")
def main() -> None:
    """Finds a vehicle by the echo of a satellite's signal.

    A SCENARIO is a YAML file, or the name of a preset: paper, lab.
    """


def _parse_settings(
    ctx: click.Context, parameter: click.Parameter, values: Sequence[str]
) -> dict[str, Any]:
    settings = {}
    for value in values:
        key, equals, text = value.partition("=")
        if not (equals and all(key.split("."))):
            raise click.BadParameter(
                f"'{value[:60]}' is not KEY=VALUE, such as channel.noise.snr_db=5"
            )
        try:
            settings[key] = parse_value(text)
        except yaml.YAMLError as error:
            reason = getattr(error, "problem", None)
            shown = text if len(text) < 60 else f"{text[:56]} ..."
            raise click.BadParameter(
                f"{key}: '{shown}' is not a YAML value{f' ({reason})' if reason else ''}"
            ) from None
    return settings


def _parse_speed(ctx: click.Context, parameter: click.Parameter, value: str) -> float | None:
    if value == "max":
        return None
    try:
        speed = float(value)
    except ValueError:
        speed = math.nan
    if not 1e-3 <= speed <= 1e6:
        raise click.BadParameter(
            f"'{value}' is neither 'max' nor a number from 0.001 to 1e6 (1: real time)"
        )
    return speed


def _parse_site(
    ctx: click.Context, parameter: click.Parameter, value: str
) -> tuple[float, float, float]:
    try:
        numbers = [float(number) for number in value.split(",")]
        latitude, longitude, height = [*numbers, *[0.0] * (len(numbers) == 2)]
    except ValueError:
        latitude = math.nan
    if not (abs(latitude) <= 90 and -180 <= longitude <= 360 and abs(height) <= 1e6):
        raise click.BadParameter(f"'{value}' is not LAT,LON or LAT,LON,HEIGHT, such as 50.9,-1.4")
    return latitude, longitude, height


def _parse_time(
    ctx: click.Context, parameter: click.Parameter, value: str | None
) -> datetime | None:
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(value)
        if not 1900 <= time.year < 2200:
            raise ValueError
    except ValueError:
        raise click.BadParameter(
            f"'{value}' is not a time such as 2026-01-01T12:00:00Z, of 1900 to 2199"
        ) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


_settings: Callable[..., Any] = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    callback=_parse_settings,
    help="Another value for a key of the scenario, such as estimator.every=10. May be repeated.",
)
_out = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    is_eager=True,  # --export asks for it
    help="Write fixes.jsonl, fixes.csv, fixes.geojson and map.png there.",
)


def _parse_formats(
    ctx: click.Context, parameter: click.Parameter, value: str | None
) -> Sequence[str]:
    formats = [name.strip() for name in (value or "").split(",") if name.strip()]
    if formats and not ctx.params.get("out"):
        raise click.UsageError("--export writes into the folder of --out; give one")
    for name in formats:
        if name not in EXPORTS:
            raise click.BadParameter(f"'{name}' is none of {', '.join(EXPORTS)}")
    return formats


def _need_publish(ctx: click.Context, parameter: click.Parameter, value: Any) -> Any:
    if value and ctx.params.get("publish") is None:
        raise click.UsageError(f"{parameter.opts[0]} is for --publish; give that an address")
    return value


def _elsewhere(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of where fixes go besides, for `_send_elsewhere`."""
    options = (
        click.option(
            "--export",
            "formats",
            metavar="FORMATS",
            callback=_parse_formats,
            help="Write kml, gpx, nmea to DIR, too; several with commas between them.",
        ),
        click.option(
            "--publish",
            metavar="ADDRESS",
            is_eager=True,  # the two that follow ask for it
            help="Publish fixes for `dislac monitor`: PORT of this host, HOST:PORT, ipc://PATH.",
        ),
        click.option(
            "--bind-any",
            is_flag=True,
            callback=_need_publish,
            help="Allow an ADDRESS of all interfaces.",
        ),
        click.option(
            "--keys",
            type=click.Path(exists=True, dir_okay=False),
            callback=_need_publish,
            metavar="FILE",
            help="NAME.key_secret: publish for those only whose public keys lie beside it.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _warn(texts: Sequence[str]) -> None:
    for text in texts:
        click.echo(f"dislac: warning: {text}", err=True)


def _send_elsewhere(
    flowgraph: Any, formats: Sequence[str], publish: str | None, bind_any: bool, keys: str | None
) -> None:
    if formats:
        flowgraph.sink.export(formats)
    if publish is not None:
        flowgraph.publish(publish, bind_any=bind_any, keys=keys)


_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a fix.")


@main.command()
@click.argument("scenario")
@click.option(
    "--frames",
    type=FRAMES,
    default=20,
    show_default=True,
    metavar="N",
    help="Frames to send, or to use of a radio's; 0: until Ctrl-C.",
)
@click.option("--snr-db", type=DECIBEL, metavar="X", help="SNR of each received element [dB].")
@click.option("--seed", type=SEED, metavar="N", help="Seed of pilots, beams, fading and noise.")
@click.option("--estimator", metavar="NAME", help="off-grid or mmv-bomp.")
@click.option("--record", metavar="BASE", help="Record to BASE.sigmf-data and BASE.sigmf-meta.")
@radios.options("receives", required=False)
@_out
@_elsewhere
@_settings
@_json
def run(
    scenario: str,
    frames: int,
    snr_db: float | None,
    seed: int | None,
    estimator: str | None,
    record: str | None,
    radio: dict[str, Any] | None,
    out: Path | None,
    settings: dict[str, Any],
    as_json: bool,
    **elsewhere: Any,
) -> None:
    """Runs SCENARIO on the emulated channel, or receives with a radio, and prints the fixes."""
    options = {
        "channel.noise": None if snr_db is None else {"snr_db": snr_db},
        "seed": seed,
        "estimator.kind": estimator,
    }
    given = {key: value for key, value in options.items() if value is not None}
    flowgraphs = _flowgraphs()
    chosen = load_scenario(scenario, {**given, **settings})
    _warn(scenario_warnings(chosen))
    fixes = following.fix_queue()
    make = flowgraphs.run_flowgraph if radio is None else radios.receiver(radio)
    flowgraph = make(chosen, frames=frames, record=record, directory=out, on_fix=fixes.put)
    _send_elsewhere(flowgraph, **elsewhere)
    _follow(flowgraph, fixes, chosen, frames, out, as_json)


@main.command()
@click.argument("scenario")
@click.option(
    "--frames",
    type=FRAMES,
    default=0,
    show_default=True,
    metavar="N",
    help="Frames to send; 0: until Ctrl-C.",
)
@radios.options("transmits", required=True)
@_settings
def transmit(scenario: str, frames: int, radio: dict[str, Any], settings: dict[str, Any]) -> None:
    """Transmits the pilots of SCENARIO with a radio."""
    _flowgraphs()
    flowgraph = radios.transmitter(radio)(load_scenario(scenario, settings), frames=frames)
    with _Running(flowgraph, SimpleQueue()) as running:
        running.next()
    click.echo(radios.told_by_transmitter(flowgraph.counters()))
    running.end()


@main.command()
@click.argument("recording")
@click.option(
    "--scenario", metavar="FILE", help="What was recorded, instead of what the recording says."
)
@click.option(
    "--speed",
    default="max",
    show_default=True,
    metavar="S",
    callback=_parse_speed,
    help="1: in real time, 2: twice as fast, max: as fast as possible.",
)
@click.option(
    "--verify/--no-verify",
    default=None,
    help="Compare the samples with their checksum; if nothing is said, of up to 0.5 GB.",
)
@_out
@_elsewhere
@_settings
@_json
def replay(
    recording: str,
    scenario: str | None,
    speed: float | None,
    verify: bool | None,
    out: Path | None,
    settings: dict[str, Any],
    as_json: bool,
    **elsewhere: Any,
) -> None:
    """Runs the receiver on RECORDING, a SigMF recording with or without its suffix."""
    flowgraphs = _flowgraphs()
    given = None if scenario is None else load_scenario(scenario, settings)
    reader = RecordingReader(recording, given, settings, verify)
    first = reader.frames[0].number if reader.frames else 0
    _warn([*reader.warnings, *scenario_warnings(reader.scenario, first)])
    fixes = following.fix_queue()
    flowgraph = flowgraphs.replay_flowgraph(
        reader, reader.scenario, speed=speed, directory=out, on_fix=fixes.put
    )
    _send_elsewhere(flowgraph, **elsewhere)
    _follow(flowgraph, fixes, reader.scenario, len(reader.frames), out, as_json)


@main.command()
@click.argument("scenario")
@_settings
def bound(scenario: str, settings: dict[str, Any]) -> None:
    """Prints how well SCENARIO allows to locate: the Cramer-Rao bound of the position."""
    chosen = load_scenario(scenario, settings)
    _warn(scenario_warnings(chosen))
    others = len(chosen.channel.paths) > 1
    click.echo(f"{chosen.name}: bound of the root mean square position error of one frame [m]")
    # A plane or line that the scenario knows takes the place of the height.
    known = chosen.known
    other = len(known.normals) > 0 and known.height is None
    what = ("line" if len(known.normals) == 2 else "plane") if other else "height"
    click.echo(f"{'':>8} {what:>12} {what:>12}" + f" {f'{what} unknown,':>18}" * others)
    click.echo(
        f"{'SNR [dB]':>8} {'unknown':>12} {'known':>12}" + f" {'and other paths':>18}" * others
    )
    for snr_db in range(-20, 25, 5):
        at_snr = load_scenario(scenario, {**settings, "channel.noise": {"snr_db": snr_db}})
        given = (False, None if other else True)
        values = [position_bound(at_snr, 0, known_height=height) for height in given]
        if np.isnan(values).any():
            raise _Failure(f"{chosen.name}: there is no bound without a target and its echo")
        click.echo(f"{snr_db:>8} {values[0]:>12.3f} {values[1]:>12.3f}", nl=not others)
        if others:
            nuisance = position_bound(at_snr, 0, known_height=False, nuisance=True)
            click.echo(f" {nuisance:>18.3f}")


@main.command()
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
    "--carrier-frequency", type=Number(1, 1e15), default=2e9, show_default=True, metavar="HZ"
)
@click.option("--subcarriers", type=click.IntRange(1, MOST), default=1024, show_default=True)
@click.option(
    "--symbols",
    type=click.IntRange(1, MOST),
    default=14,
    show_default=True,
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
@_settings
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
        own = "radius", "beam_radius", "max_zenith_deg", "scenario", "settings"
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
    click.echo(
        f"{'spacing':>10} {'symbol':>10} {'prefix':>10} {'unambiguous':>13} {'range':>13} "
        f"{'unambiguous':>16} {'velocity':>16}"
    )
    click.echo(
        f"{'[kHz]':>10} {'[us]':>10} {'[us]':>10} {'range [m]':>13} {'step [m]':>13} "
        f"{'velocity [m/s]':>16} {'step [m/s]':>16}"
    )
    for w in waveforms:
        click.echo(
            f"{w.subcarrier_spacing / 1e3:>10g} {w.useful_duration * 1e6:>10.3f} "
            f"{w.cyclic_prefix * 1e6:>10.3f} {w.unambiguous_range:>13.3f} "
            f"{w.range_resolution:>13.4f} {w.unambiguous_velocity:>+16.3f} "
            f"{w.velocity_resolution:>16.3f}".replace("+", "±")
        )
    for w in waveforms:
        for text in w.warnings(excess_delay=excess, beam_radius=beam_radius, max_zenith=max_zenith):
            click.echo(f"dislac: warning: {w.subcarrier_spacing / 1e3:g} kHz: {text}", err=True)


_MOST_STEPS = 5_000_000
"""Times that satellites are looked at: a year, every 6.3 s."""

_MOST_ROWS = 100_000
"""Rows of a table of links: a day, every 0.9 s."""


def _check_steps(count: float, what: str, most: int) -> None:
    if not count <= most:
        raise click.UsageError(f"{what} are {count:.3g} steps; {most:,} at most")


@main.command()
@click.argument("satellites")
@click.option(
    "--site",
    required=True,
    metavar="LAT,LON[,HEIGHT]",
    callback=_parse_site,
    help="Where one looks from [degrees, degrees, m].",
)
@click.option(
    "--start",
    metavar="TIME",
    callback=_parse_time,
    help="When to begin, such as 2026-01-01T12:00:00Z; default the file's latest epoch.",
)
@click.option("--hours", type=Number(0, 1e6, min_open=True), default=24.0, show_default=True)
@click.option("--step", type=Number(0, 1e15, min_open=True), default=10.0, show_default=True)
@click.option(
    "--mask", type=Number(-90, 90), default=10.0, show_default=True, help="Least elevation [deg]."
)
@click.option("--name", metavar="TEXT", help="Only satellites with this in their names.")
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE", help="Draw the sky there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a pass.")
def passes(
    satellites: str,
    site: tuple[float, float, float],
    start: datetime | None,
    hours: float,
    step: float,
    mask: float,
    name: str | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Prints when SATELLITES rise over a site, culminate and set.

    SATELLITES is a file of TLE or OMM (KVN, CSV, JSON, XML), or a Walker Delta shell,
    walker:ALTITUDE,PLANES,PER_PLANE,INCLINATION[,PHASING] in m and degrees.
    """
    from .geometry import find_passes
    from .io import sky

    end = hours * 3600.0
    _check_steps(end / step, f"--hours {hours:g} at --step {step:g}", _MOST_STEPS)
    fleet, epoch = sky.open_fleet(satellites, start, end, report=lambda text: _warn([text]))
    which = [k for k, known in enumerate(fleet.names) if name is None or name in known]
    if not which:
        known = sky.name_satellites(fleet.names)
        raise click.BadParameter(
            f"no satellite has '{name}' in its name: {known}", param_hint="--name"
        )
    time = np.append(step * np.arange(max(math.ceil(end / step - 1e-9), 1)), end)
    _warn(list(sky.fleet_remarks(fleet, time, which)))
    with _progress(len(time) - 1, "time steps") as advance:
        found = find_passes(
            fleet, site, time, mask=math.radians(mask), which=which, progress=advance
        )
    if as_json:
        for number in range(len(found)):
            click.echo(sky.pass_to_json(fleet, found, number, epoch))
    else:
        for row in sky.pass_rows(fleet, found, epoch):
            click.echo(row)
        for row in sky.pass_summary(fleet, found, time, which, math.radians(mask)):
            click.echo(row)
    if plot is not None:
        title = f"{satellites}, {hours:g} h over {site[0]:g}°, {site[1]:g}°"
        sky.draw_sky(fleet, site, found, time, plot, mask=math.radians(mask), title=title)


@main.command()
@click.argument("scenario")
@click.option("--start", type=Number(-1e9, 1e9), default=0.0, show_default=True, metavar="S")
@click.option(
    "--duration",
    type=Number(0, 1e9),
    default=600.0,
    show_default=True,
    metavar="S",
    help="How long to follow the links [s].",
)
@click.option(
    "--step", type=Number(0, 1e9, min_open=True), default=30.0, show_default=True, metavar="S"
)
@click.option(
    "--plot", type=click.Path(path_type=Path), metavar="FILE", help="Draw delays and Dopplers."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a time.")
@_settings
def geometry(
    scenario: str,
    start: float,
    duration: float,
    step: float,
    plot: Path | None,
    as_json: bool,
    settings: dict[str, Any],
) -> None:
    """Prints delay and Doppler shift of SCENARIO's links over time, and how fast they change."""
    from .io import sky

    _check_steps(duration / step, f"--duration {duration:g} at --step {step:g}", _MOST_ROWS)
    chosen = load_scenario(scenario, settings)
    _warn(old_elements(chosen, start, start + duration))
    time = start + step * np.arange(math.floor(duration / step + 1e-9) + 1)
    for row in (sky.link_to_json if as_json else sky.link_rows)(chosen, time):
        click.echo(row)
    if plot is not None:
        fine = np.linspace(start, max(start + duration, start + step), 601)
        links = sky.follow_scenario(chosen, fine)
        carrier = chosen.numerology.carrier_frequency / 1e9
        sky.draw_links(links, fine, plot, title=f"{chosen.name}, {carrier:g} GHz")


@main.command()
def doctor() -> None:
    """Checks what gr-dislac stands on, and says what to do about each fault."""
    from .doctor import format_checks, has_fault, run_checks

    checks = run_checks()
    click.echo(format_checks(checks))
    if has_fault(checks):
        raise click.exceptions.Exit(1)


def _flowgraphs() -> ModuleType:
    """The module of the flowgraphs, if there is GNU Radio."""
    if find_spec("gnuradio.gr") is None:
        raise _Failure(
            f"{sys.executable} has no GNU Radio: install it (apt-get install gnuradio) and use its "
            "interpreter; `dislac doctor` says more"
        )
    # What a block has to say about its end is said here, in one line; all else would be chatter.
    os.environ.setdefault("GR_CONF_LOG_LOG_LEVEL", "off")
    from .blocks import flowgraphs

    return flowgraphs


from .commands import calibrate as _calibrate  # noqa: E402 they use what is above
from .commands import fixes as _fixes  # noqa: E402
from .commands import zmq as _zmq  # noqa: E402

for _command in (*_calibrate.COMMANDS, *_fixes.COMMANDS, *_zmq.COMMANDS):
    main.add_command(_command)
