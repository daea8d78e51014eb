# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixes for maps and navigation programs: GeoJSON, KML, GPX and NMEA 0183.

Each file is complete after every fix, so that a process that is killed has lost none, and a full
disk leaves what came before. Places on the Earth (WGS 84) need the scenario's origin. Heights are
above the ellipsoid, as sea level is known to no scenario; KML, whose heights count from the sea or
from the ground, has them above the origin, taken as the ground. Times are the scenario's epoch
plus the fix's; without an epoch KML and GPX leave them out, and NMEA, which has no place without
time, cannot be written.
"""

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import xor
from typing import Any, Self
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..files import GrowingFile
from ..geometry.frames import geodetic_from_enu
from ..positioning import Fix, confidence_ellipse
from ..scenario import Scenario
from .fixes import fix_to_dict, label_texts, labels

__all__ = [
    "EXPORTS",
    "Export",
    "ExportError",
    "GeoJson",
    "Gpx",
    "Kml",
    "Nmea",
    "fix_properties",
    "split_ring",
]

Floats = NDArray[np.float64]
Path = str | os.PathLike[str]

_NAMESPACE = "urn:gr-dislac:fix"
"""Of what GPX has no element for."""


class ExportError(ValueError):
    """A format needs what the scenario does not say."""


class Export(ABC):
    """A file of fixes that grows by `write`, and is whole after it.

    Parameters
    ----------
    path
        of the file; what it held before is overwritten.
    scenario
        where the fixes come from.

    Raises
    ------
    ExportError
        the scenario has no origin, or no epoch where the format needs one.
    OSError
        the file cannot be written; what it held before is kept.
    """

    tail = b""

    def __init__(self, path: Path, scenario: Scenario) -> None:
        self.check(scenario)
        assert scenario.origin is not None
        self.scenario = scenario
        self._origin = scenario.origin
        self._file = GrowingFile(path, self.head(), self.tail)

    @classmethod
    def check(cls, scenario: Scenario) -> None:
        """
        Raises
        ------
        ExportError
            the scenario lacks what the format needs.
        """
        if scenario.origin is None:
            raise ExportError(
                f"{cls.__name__} needs places on the Earth, and scenario '{scenario.name}' has "
                "none; give it an origin, such as --set origin.latitude_deg=50.9 --set "
                "origin.longitude_deg=-1.4"
            )

    @abstractmethod
    def head(self) -> bytes:
        """Return what stands before the first fix."""

    @abstractmethod
    def entry(self, fix: Fix) -> bytes:
        """Return what a fix adds; nothing perhaps."""

    def write(self, fix: Fix) -> None:
        """Adds a fix.

        Raises
        ------
        OSError
            there is no room for it; the file is as it was before.
        """
        if entry := self.entry(fix):
            self._file.append(entry)

    def close(self) -> None:
        """Closes the file. More calls do nothing."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def geodetic(self, position: ArrayLike) -> Floats:
        """(..., 3) longitude, latitude [degrees] to 1e-9, height [m] to 0.1 mm."""
        latitude, longitude, height = np.moveaxis(geodetic_from_enu(position, self._origin), -1, 0)
        return np.stack(
            [np.round(longitude, 9), np.round(latitude, 9), np.round(height, 4)], axis=-1
        )

    def outline(self, fix: Fix) -> list[Floats]:
        """Rings (n, 3) about what holds 95 % in the horizontal plane, as `geodetic` has them: one,
        two where it lies across the antimeridian, none where the covariance is not known."""
        if not np.isfinite(fix.covariance).all():
            return []
        ellipse = fix.position[:2] + confidence_ellipse(fix.covariance[:2, :2])
        return split_ring(self.geodetic(np.insert(ellipse, 2, fix.position[2], axis=-1)))

    def moment(self, fix: Fix) -> datetime | None:
        """Time of the fix, UTC; None without an epoch."""
        epoch = self.scenario.epoch
        try:
            return None if epoch is None else epoch.astimezone(UTC) + timedelta(seconds=fix.time)
        except OverflowError:
            raise ExportError(
                f"frame {fix.frame} is {fix.time:g} s from the epoch, beyond the years 1 to 9999"
            ) from None

    def receiver(self) -> Floats:
        """Longitude, latitude, height of the receiver."""
        return self.geodetic(self.scenario.receiver.motion.state(0.0)[0])


def split_ring(ring: Floats) -> list[Floats]:
    """Cut a ring on the Earth where it crosses the antimeridian.

    Parameters
    ----------
    ring
        (n, 3) longitude, latitude [degrees] and height, counterclockwise; the last is the first.

    Returns
    -------
    list of ndarray
        Rings (m, 3) of the same kind with all longitudes from -180 to 180 degrees, none of which
        crosses from one to the other. About a pole, they reach up to it.

    References
    ----------
    RFC 7946, section 3.1.9.
    """
    points = ring.copy()
    points[:, 0] = np.unwrap(ring[:, 0], period=360.0)
    turn = points[-1, 0] - points[0, 0]
    if abs(turn) > 180.0:  # about a pole: along it, and back to where it began
        poles = points[[-1, 0]]
        poles[:, 1] = np.copysign(90.0, turn)
        points = np.vstack([points, poles, points[:1]])
    parts = []
    for turns in (-1, 0, 1):
        part = points + np.array([360.0 * turns, 0.0, 0.0])
        for side in (-1.0, 1.0):
            part = _cut(part, side)
        if len(part) > 3 and np.ptp(part[:, 0]) > 0.0:
            parts.append(part)
    return parts


def _cut(ring: Floats, side: float) -> Floats:
    """The part of a ring on this side of a meridian, side times 180 degrees."""
    room = 180.0 - side * ring[:, 0]
    if np.all(room >= 0.0):
        return ring
    kept: list[Floats] = []
    for k in range(len(ring) - 1):
        if room[k] >= 0.0:
            kept.append(ring[k])
        if (room[k] < 0.0) != (room[k + 1] < 0.0):
            crossing = ring[k] + room[k] / (room[k] - room[k + 1]) * (ring[k + 1] - ring[k])
            crossing[0] = side * 180.0
            kept.append(crossing)
    return np.array([*kept, *kept[:1]]).reshape(-1, 3)


def fix_properties(fix: Fix) -> dict[str, Any]:
    """Properties of a fix as programs show them, as far as they are known; SI units.

    Target and links are texts.
    """
    horizontal, vertical = _deviations(fix)
    values = {
        "horizontal_deviation": horizontal,
        "vertical_deviation": vertical,
        "residual_delay": fix.residual_delay,
        "residual_doppler": fix.residual_doppler,
        "error": fix.error,
        "bound": fix.bound,
    }
    known = {name: float(value) for name, value in values.items() if np.isfinite(value)}
    return {"frame": int(fix.frame), "time": float(fix.time), **known, **label_texts(fix)}


def _title(fix: Fix) -> str:
    """Name of a fix on a map."""
    return f"frame {fix.frame}" + (f", {fix.target}" if fix.target else "")


def _text(value: Any) -> str:
    """A property as XML has it."""
    return value if isinstance(value, str) else repr(value)


def _deviations(fix: Fix) -> tuple[float, float]:
    """Root mean square errors that the covariance predicts, in the plane and in height [m]."""
    east, north, up = np.diag(fix.covariance)
    return float(np.sqrt(east + north)), float(np.sqrt(up))


def _plain(positions: Any) -> list[Any]:
    """The numbers of an array as lists, which JSON takes."""
    return list(positions.tolist())


class GeoJson(Export):
    """A FeatureCollection: fixes, the ellipses that hold each with 95 % probability, the receiver,
    and the truth where it is known.

    References
    ----------
    RFC 7946.
    """

    tail = b"\n]}\n"

    def __init__(self, path: Path, scenario: Scenario) -> None:
        self._truth: Floats | None = None
        super().__init__(path, scenario)

    def head(self) -> bytes:
        receiver = self._feature("Point", _plain(self.receiver()), {"kind": "receiver"})
        return b'{"type": "FeatureCollection", "features": [\n' + receiver

    def entry(self, fix: Fix) -> bytes:
        features = []
        name = fix.target if fix.target in self.scenario.nodes.targets else None
        if (target := self.scenario.at(target=name).target) is not None:
            truth = target.motion.state(fix.time)[0]
            if self._truth is None or np.any(truth != self._truth):
                self._truth = truth
                about = {"kind": "truth", "time": float(fix.time)}
                features.append(self._feature("Point", _plain(self.geodetic(truth)), about))
        if fix.valid:
            about = {"kind": "fix", **fix_to_dict(fix)}
            features.append(self._feature("Point", _plain(self.geodetic(fix.position)), about))
            if rings := self.outline(fix):
                about = {"kind": "uncertainty", "frame": int(fix.frame), "probability": 0.95}
                about |= labels(fix)
                polygons = [[_plain(ring)] for ring in rings]
                one = len(polygons) == 1
                kind, coordinates = ("Polygon", polygons[0]) if one else ("MultiPolygon", polygons)
                features.append(self._feature(kind, coordinates, about))
        return b"".join(b",\n" + feature for feature in features)

    @staticmethod
    def _feature(kind: str, coordinates: list[Any], properties: Mapping[str, Any]) -> bytes:
        feature = {
            "type": "Feature",
            "geometry": {"type": kind, "coordinates": coordinates},
            "properties": properties,
        }
        return json.dumps(feature, allow_nan=False).encode()


class Kml(Export):
    """Placemarks for Google Earth and its like: the receiver, and each fix with its time, its
    numbers (ExtendedData) and the ellipse that holds it with 95 % probability.

    Altitudes are relative to the ground, which is taken to lie at the height of the origin: KML's
    absolute ones count from the sea, and how far it is from the ellipsoid is not known. Heights
    above the ellipsoid stand in the extended data.

    References
    ----------
    OGC 12-007r2, KML 2.3, as far as KML 2.2 has it too.
    """

    tail = b"</Document>\n</kml>\n"

    def head(self) -> bytes:
        document = Element("Document")
        SubElement(document, "name").text = self.scenario.name
        SubElement(document, "description").text = (
            "Altitudes are above the ground, taken to lie at the height of the scene's origin, "
            f"{self._origin[2]:g} m above the WGS 84 ellipsoid. Heights in the extended data are "
            "above the ellipsoid, not above sea level."
        )
        for name, color, width in (("fix", "ff005ed5", "2"), ("receiver", "ffb27200", "2")):
            style = SubElement(document, "Style", id=name)
            icon = SubElement(style, "IconStyle")
            SubElement(icon, "color").text = color
            SubElement(icon, "scale").text = "0.6"
            line = SubElement(style, "LineStyle")
            SubElement(line, "color").text = color
            SubElement(line, "width").text = width
            SubElement(SubElement(style, "PolyStyle"), "color").text = "26" + color[2:]
        receiver = self._placemark("receiver", "receiver", None)
        self._point(receiver, self.receiver())
        document.append(receiver)
        text = ElementTree.tostring(document, encoding="unicode").removesuffix("</Document>")
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<kml xmlns="http://www.opengis.net/kml/2.2">\n{text}\n'
        ).encode()

    def entry(self, fix: Fix) -> bytes:
        if not fix.valid:
            return b""
        mark = self._placemark(_title(fix), "fix", self.moment(fix))
        place, rings = self.geodetic(fix.position), self.outline(fix)
        data = SubElement(mark, "ExtendedData")
        numbers = {**fix_properties(fix), "height_above_ellipsoid": float(place[2])}
        for name, value in numbers.items():
            SubElement(SubElement(data, "Data", name=name), "value").text = _text(value)
        parts = SubElement(mark, "MultiGeometry") if rings else mark
        self._point(parts, place)
        for ring in rings:
            polygon = self._geometry(parts, "Polygon")
            border = SubElement(SubElement(polygon, "outerBoundaryIs"), "LinearRing")
            self._coordinates(border, ring)
        return ElementTree.tostring(mark) + b"\n"

    @staticmethod
    def _placemark(name: str, style: str, moment: datetime | None) -> Element:
        mark = Element("Placemark")
        SubElement(mark, "name").text = name
        if moment is not None:
            SubElement(SubElement(mark, "TimeStamp"), "when").text = _iso(moment)
        SubElement(mark, "styleUrl").text = f"#{style}"
        return mark

    def _point(self, parent: Element, place: Floats) -> None:
        self._coordinates(self._geometry(parent, "Point"), place[None])

    @staticmethod
    def _geometry(parent: Element, kind: str) -> Element:
        geometry = SubElement(parent, kind)
        SubElement(geometry, "altitudeMode").text = "relativeToGround"
        return geometry

    def _coordinates(self, parent: Element, positions: Floats) -> None:
        above_ground = positions - [0.0, 0.0, self._origin[2]]
        text = " ".join(f"{x:.9f},{y:.9f},{z:.4f}" for x, y, z in above_ground)
        SubElement(parent, "coordinates").text = text


class Gpx(Export):
    """A track of fixes, broken where a frame gave none, and the receiver as a way point.

    What the covariance predicts stands in extensions, in metres: GPX's dilutions of precision
    are ratios, not errors. Times have three decimals, which is all that some readers take; six
    where fixes follow each other within a millisecond.

    References
    ----------
    GPX 1.1 schema, topografix.com.
    """

    tail = b"</trkseg></trk>\n</gpx>\n"

    def __init__(self, path: Path, scenario: Scenario) -> None:
        self._begun = self._broken = False
        n = scenario.numerology
        self._interval = n.frame_period * scenario.synchronization.every / n.sample_rate
        super().__init__(path, scenario)

    def head(self) -> bytes:
        receiver = self._point("wpt", self.receiver(), None)
        SubElement(receiver, "name").text = "receiver"
        about = Element("trk")
        SubElement(about, "name").text = self.scenario.name
        SubElement(about, "desc").text = "Heights are above the WGS 84 ellipsoid."
        track = ElementTree.tostring(about, encoding="unicode").removesuffix("</trk>")
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<gpx version="1.1" creator="gr-dislac" xmlns="http://www.topografix.com/GPX/1/1" '
            f'xmlns:dislac="{_NAMESPACE}">\n'
            f"{ElementTree.tostring(receiver, encoding='unicode')}\n"
            f"{track}<trkseg>\n"
        ).encode()

    def entry(self, fix: Fix) -> bytes:
        if not fix.valid:
            self._broken = self._begun
            return b""
        point = self._point("trkpt", self.geodetic(fix.position), self.moment(fix))
        SubElement(point, "name").text = _title(fix)
        SubElement(point, "fix").text = "3d"
        extensions = SubElement(point, "extensions")
        for name, value in fix_properties(fix).items():
            SubElement(extensions, f"dislac:{name}").text = _text(value)
        begin = b"</trkseg><trkseg>\n" if self._broken else b""
        self._begun, self._broken = True, False
        return begin + ElementTree.tostring(point) + b"\n"

    def _point(self, kind: str, place: Floats, moment: datetime | None) -> Element:
        longitude, latitude, height = place
        point = Element(kind, lat=f"{latitude:.9f}", lon=f"{longitude:.9f}")
        SubElement(point, "ele").text = f"{height:.4f}"
        if moment is not None:
            SubElement(point, "time").text = _iso(moment, 3 if self._interval >= 1e-3 else 6)
        return point


class Nmea(Export):
    """Sentences GGA, RMC and GST a frame, as a navigation receiver would send them.

    In this order, in which gpsd takes height and date of a fix together. GST, the error ellipse, is
    left out where there is no covariance. A frame without a fix has GGA and RMC, with quality 0,
    status V and no place. Heights are above the ellipsoid, the separation of the geoid is given as
    zero. The talker is GP, which every reader knows.

    References
    ----------
    NMEA 0183 version 2.3, whose RMC has a mode indicator and no navigational status yet.
    """

    @classmethod
    def check(cls, scenario: Scenario) -> None:
        super().check(scenario)
        if scenario.epoch is None:
            raise ExportError(
                f"NMEA has a time in every sentence, and scenario '{scenario.name}' does not say "
                "what time zero is; give it an epoch, such as --set epoch=2026-01-01T00:00:00Z"
            )

    def head(self) -> bytes:
        return b""

    def entry(self, fix: Fix) -> bytes:
        moment = self.moment(fix)
        assert moment is not None  # see check
        time, date = moment.strftime("%H%M%S.%f"), moment.strftime("%d%m%y")
        if not fix.valid:
            nowhere = ["", "", "", ""]
            return _sentences(
                ["GPGGA", time, *nowhere, "0", "00", "", "", "M", "", "M", "", ""],
                ["GPRMC", time, "V", *nowhere, "", "", date, "", "", "N"],
            )
        longitude, latitude, height = self.geodetic(fix.position)
        place = [*_degrees(latitude, 2, "NS"), *_degrees(longitude, 3, "EW")]
        sentences = [
            ["GPGGA", time, *place, "1", "01", "", f"{height:.3f}", "M", "0.0", "M", "", ""],
            ["GPRMC", time, "A", *place, "", "", date, "", "", "A"],
        ]
        if np.isfinite(fix.covariance).all():
            sentences.append(["GPGST", time, "", *_error_ellipse(fix.covariance)])
        return _sentences(*sentences)


EXPORTS: dict[str, type[Export]] = {"geojson": GeoJson, "kml": Kml, "gpx": Gpx, "nmea": Nmea}
"""Formats by their names, which are also the suffixes of their files."""


def _iso(moment: datetime, decimals: int = 6) -> str:
    """Return UTC as XML Schema's dateTime, with three or six decimals of a second."""
    if decimals == 3:
        moment += timedelta(microseconds=500)  # the nearest millisecond, also beyond a full second
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}"[: 20 + decimals] + "Z"


def _sentences(*sentences: Sequence[str]) -> bytes:
    """Sentences with their checksums and ends of line."""
    lines = []
    for fields in sentences:
        text = ",".join(fields).encode()
        lines.append(b"$%s*%02X\r\n" % (text, reduce(xor, text)))
    return b"".join(lines)


def _degrees(angle: float, digits: int, signs: str) -> tuple[str, str]:
    """Degrees and minutes, to 1e-7 minutes (0.2 mm), and the hemisphere."""
    degrees, minutes = divmod(round(abs(angle) * 60e7), 60 * 10**7)
    text = f"{degrees:0{digits}d}{minutes // 10**7:02d}.{minutes % 10**7:07d}"
    return text, signs[0] if angle >= 0 else signs[1]


def _error_ellipse(covariance: Floats) -> list[str]:
    """Semi-axes [m] and orientation [degrees from north, clockwise] of the one-sigma ellipse, and
    deviations of latitude, longitude and height [m], as GST has them."""
    values, vectors = np.linalg.eigh(covariance[:2, :2])
    east, north = vectors[:, 1]
    turn = np.degrees(np.arctan2(east, north)) % 180.0
    minor, major = np.sqrt(np.maximum(values, 0.0))
    deviation = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    numbers = [major, minor, turn, deviation[1], deviation[0], deviation[2]]
    return [f"{number:.3f}" for number in numbers]
