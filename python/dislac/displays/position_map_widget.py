# SPDX-License-Identifier: GPL-3.0-or-later
"""The window of `position_map`: the whole scene, a close-up of the fixes, and their numbers."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..geometry import bistatic_ellipse
from ..positioning import Fix, FixStatus, confidence_ellipse
from ..scenario import Scenario, timing
from .display import Colors, Display, QtCore, QtGui, figure, pen, pg, style_plot
from .track import Track

__all__ = ["PositionMapWidget"]

Floats = NDArray[np.float64]

_LEGEND = (
    ("blue", "■", "base station"),
    ("ink", "✚", "true position"),
    ("vermilion", "●", "fix, and those before"),
    ("vermilion", "◯", "95 % of its error"),
    ("sky", "━", "ray of arrival"),
    ("green", "━", "places with its delay"),
)
_CELLS = (
    ("Frame", "Time", "Status", "East", "North", "Up", "Fixes"),
    ("Error", "RMS error", "Bound", "Residual delay", "Residual Doppler", "", "Without a fix"),
)
_NOWHERE = np.full((1, 2), np.nan)


class _Picture(NamedTuple):
    """Content of a map, all (n, 2) east and north [m]; NaN for what is not there."""

    receiver: Floats
    target: Floats = _NOWHERE
    fix: Floats = _NOWHERE
    trail: Floats = _NOWHERE
    spread: Floats = _NOWHERE
    ellipse: Floats = _NOWHERE


class PositionMapWidget(Display):
    """Draws a `Track`.

    Parameters
    ----------
    scenario
        nodes and, where it is known, the truth.
    newest
        gives the track when there is something new, else None.
    update_rate
        how often it is asked [Hz]; None: never.
    colors
        of the theme.
    rows
        the panel's captions, in another order.
    """

    def __init__(
        self,
        scenario: Scenario,
        newest: Callable[[], Track | None],
        update_rate: float | None,
        colors: Colors,
        rows: Sequence[Sequence[str]] = _CELLS,
    ) -> None:
        super().__init__(newest, update_rate, colors)
        self._scenario = scenario
        plots = self.add_plots()
        self.scene = _Map(plots, self._headline(), colors)
        self.close_up = _Map(plots, "Close-up", colors)
        for column in (0, 1):
            plots.ci.layout.setColumnPreferredWidth(column, 300)
            plots.ci.layout.setColumnStretchFactor(column, 1)
        self.add_note(
            " &nbsp;&nbsp; ".join(
                f'<span style="color:{getattr(colors, color)}; font-size:15px">{sign}</span> {name}'
                for color, sign, name in _LEGEND
            )
        )
        self.panel = self.add_panel(rows)
        self.setMinimumSize(640, 400)
        receiver, target = self._places(0.0)
        for plan in (self.scene, self.close_up):
            plan.show(_Picture(receiver, target))
        self.scene.look_at(np.concatenate([receiver, target]))
        self.close_up.look_closely(target if scenario.target else receiver, _NOWHERE, _NOWHERE)

    def draw(self, track: Track) -> None:
        picture = self._picture(track)
        for plan in (self.scene, self.close_up):
            plan.show(picture)
        # What the close-up is about: the target, or where it seems to be
        middle = picture.target
        if self._scenario.target is None and len(picture.trail):
            middle = np.median(picture.trail, axis=0)[None]
        self.scene.look_at(np.concatenate([picture.receiver, middle]))
        if np.isfinite(middle).all():
            self.close_up.look_closely(middle, picture.trail, picture.spread)
        self.panel.show_values(_numbers(track))

    def _picture(self, track: Track) -> _Picture:
        fix = track.newest
        receiver, target = self._places(fix.time)
        spread: Floats = _NOWHERE
        if fix.valid:
            spread = fix.position[:2] + confidence_ellipse(fix.covariance[:2, :2], points=61)
        return _Picture(
            receiver=receiver,
            target=target,
            fix=fix.position[None, :2],
            trail=track.positions[:, :2],
            spread=spread,
            ellipse=self._ellipse(fix),
        )

    def _places(self, time: float) -> tuple[Floats, Floats]:
        """Receiver and target (1, 2)."""
        receiver = self._scenario.receiver.motion.state(time)[0][None, :2]
        if self._scenario.target is None:
            return receiver, _NOWHERE
        return receiver, self._scenario.target.motion.state(time)[0][None, :2]

    def _ellipse(self, fix: Fix) -> Floats:
        """Curve that the fix's delay allows, at the target's height as far as it is known."""
        scenario = self._scenario
        height = fix.position[2]
        if scenario.known.height is not None:
            height = scenario.known.height
        elif scenario.target is not None:
            height = scenario.target.motion.state(fix.time)[0][2]
        excess = scenario.propagation_speed * fix.residual_delay
        if not (np.isfinite(height) and np.isfinite(excess)):
            return _NOWHERE
        transmitter, receiver = (node.state(fix.time)[0] for node in timing.endpoints(scenario))
        return bistatic_ellipse(transmitter, receiver, excess, height, points=361)[:, :2]

    def _headline(self) -> str:
        transmitter, receiver = (node.state(0.0)[0] for node in timing.endpoints(self._scenario))
        x, y, z = transmitter - receiver
        distance, unit = np.linalg.norm(transmitter - receiver), "m"
        if distance > 1e4:
            distance, unit = distance / 1e3, "km"
        azimuth = np.degrees(np.arctan2(x, y)) % 360
        elevation = np.degrees(np.arctan2(z, np.hypot(x, y)))
        return (
            f"Transmitter {distance:.0f} {unit}, az {azimuth:.0f}°, "
            f"el {figure(elevation, decimals=0)}°"
        )


class _Map:
    """One map, east to the right and north up, both to the same scale."""

    def __init__(self, plots: Any, title: str, colors: Colors) -> None:
        self.plot = plots.addPlot()
        style_plot(self.plot, title, "east [m]", "north [m]", colors)
        self.plot.setAspectLocked(True)
        self.plot.showGrid(x=True, y=True, alpha=0.2)
        self.layer = _Layer(colors)
        self.plot.addItem(self.layer)
        self.view = self.plot.getViewBox()
        self.view.disableAutoRange()
        self._center: Floats = np.zeros(2)
        self._half = 0.0
        self._moved_by_hand = False
        self.view.sigRangeChangedManually.connect(self._note_hand)

    def _note_hand(self) -> None:
        self._moved_by_hand = True

    def show(self, picture: _Picture) -> None:
        self.layer.show_picture(picture)

    def look_at(self, positions: Floats) -> None:
        """Moves so that all places (n, 2) are inside, if one is not."""
        positions = positions[np.isfinite(positions).all(axis=-1)]
        reach = float(np.max(np.abs(positions - self._center)))
        if reach > 0.95 * self._half:
            low, high = positions.min(axis=0), positions.max(axis=0)
            self._frame((low + high) / 2, max(0.7 * float(np.max(high - low)), 50.0))

    def look_closely(self, middle: Floats, trail: Floats, spread: Floats) -> None:
        """Follows `middle` (1, 2) in steps, as closely as most of trail and spread (n, 2) allow."""
        reach = 8.0
        if len(trail := trail[np.isfinite(trail).all(axis=-1)]):
            reach = float(np.quantile(np.max(np.abs(trail - middle), axis=-1), 0.95))
            if np.isfinite(spread).all():
                reach = max(reach, min(2.5 * reach, float(np.max(np.abs(spread - middle)))))
        # Closer only where that will not be undone soon
        closer = _round_up(1.5 * reach)
        moved = float(np.max(np.abs(middle - self._center))) > self._half / 3
        if moved or closer < self._half or 1.1 * reach > self._half:
            self._frame(middle[0], closer)

    def _frame(self, center: Floats, half: float) -> None:
        if self._moved_by_hand:
            return
        self._center, self._half = center, half
        (x, y), reach = center, np.array([-half, half])
        self.view.setRange(xRange=x + reach, yRange=y + reach, padding=0.0)


_SHADES = 6
"""Into which the trail fades."""


class _Layer(pg.GraphicsObject):
    """Paints a picture in one go, many times faster than plot items would be changed."""

    def __init__(self, colors: Colors) -> None:
        super().__init__()
        self._picture: _Picture | None = None
        self._colors = colors
        self._trail = []
        for opacity in np.linspace(0.1, 0.6, _SHADES):
            faded = pg.mkColor(colors.vermilion)
            faded.setAlphaF(opacity)
            self._trail.append(pen(faded, 7))

    def show_picture(self, picture: _Picture) -> None:
        self._picture = picture
        self.update()

    def boundingRect(self) -> Any:
        return self.viewRect()

    def viewRangeChanged(self) -> None:
        self.prepareGeometryChange()

    def paint(self, painter: Any, *_: Any) -> None:
        picture = self._picture
        if picture is None:
            return
        colors = self._colors
        painter.setRenderHint(QtGui.QPainter.Antialiasing)
        to_pixels = painter.transform()
        painter.resetTransform()

        def pixels(positions: Floats) -> Any:
            x, y = positions[np.isfinite(positions).all(axis=-1)].T
            return pg.functions.arrayToQPolygonF(
                x * to_pixels.m11() + to_pixels.dx(), y * to_pixels.m22() + to_pixels.dy()
            )

        def line(positions: Floats, color: str, width: float) -> None:
            painter.setPen(pen(color, width))
            for begin, end in _seen(positions, self.viewRect()):
                painter.drawPolyline(pixels(positions[begin:end]))

        line(picture.ellipse, colors.green, 1.5)
        if np.isfinite(picture.fix).all():
            line(np.concatenate([picture.receiver, picture.fix]), colors.sky, 2)
        points = pixels(picture.trail)
        borders = np.linspace(0, len(points), _SHADES + 1).astype(int)
        for shade, (begin, end) in zip(self._trail, pairwise(borders.tolist()), strict=True):
            if end > begin:
                painter.setPen(shade)
                painter.drawPoints(QtGui.QPolygonF(points[begin:end]))
        line(picture.spread, colors.vermilion, 2)

        painter.setPen(pen(colors.paper, 1))
        painter.setBrush(pg.mkBrush(colors.blue))
        for point in pixels(picture.receiver):
            painter.drawRect(QtCore.QRectF(point.x() - 6, point.y() - 6, 12, 12))
        painter.setBrush(pg.mkBrush(colors.vermilion))
        for point in pixels(picture.fix):
            painter.drawEllipse(point, 6, 6)
        painter.setPen(pen(colors.ink, 2.5))
        for point in pixels(picture.target):
            x, y = point.x(), point.y()
            painter.drawLine(QtCore.QLineF(x - 8, y, x + 8, y))
            painter.drawLine(QtCore.QLineF(x, y - 8, x, y + 8))


def _seen(positions: Floats, view: Any) -> list[tuple[int, int]]:
    """The parts [begin, end) of a line through points (n, 2) that may be in view.

    To paint what is far outside would take most of the time.
    """
    low, high = np.minimum(positions[:-1], positions[1:]), np.maximum(positions[:-1], positions[1:])
    seen = (high >= (view.left(), view.top())) & (low <= (view.right(), view.bottom()))
    borders = np.flatnonzero(np.diff(seen.all(axis=-1), prepend=False, append=False))
    return [(begin, end + 1) for begin, end in borders.reshape(-1, 2).tolist()]


def _round_up(value: float) -> float:
    """The next of 1, 1.5, 2, 3, 5, 7, 10, ..."""
    decade = 10.0 ** np.floor(np.log10(max(value, 1.0)))
    steps = decade * np.array([1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0])
    return float(steps[np.argmax(steps >= value)])


def _words(outcome: str) -> str:
    return outcome.replace("_", " ")


def _numbers(track: Track) -> dict[str, str]:
    """Texts of the panel."""
    fix = track.newest
    deviation = np.sqrt(np.diag(fix.covariance))
    east, north, up = (
        figure(x) + (f" ± {figure(d)}" if np.isfinite(d) else "") + (" m" if fix.valid else "")
        for x, d in zip(fix.position, deviation, strict=True)
    )
    without = ", ".join(
        f"{count} {_words(outcome)}"
        for outcome, count in track.counts.items()
        if outcome != FixStatus.OK
    )
    return {
        "Frame": str(fix.frame),
        "Time": figure(fix.time, "s", 3),
        "Status": _words(fix.outcome),
        "East": east,
        "North": north,
        "Up": up,
        "Fixes": f"{track.counts.get(FixStatus.OK, 0)} of {sum(track.counts.values())}",
        "Error": figure(fix.error, "m", 2),
        "RMS error": figure(track.rms_error, "m", 2),
        "Bound": figure(fix.bound, "m", 2),
        "Residual delay": figure(fix.residual_delay * 1e9, "ns"),
        "Residual Doppler": figure(fix.residual_doppler, "Hz", 0),
        "Without a fix": without or "none",
    }
