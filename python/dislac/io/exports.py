# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixes for maps and navigation programs: GeoJSON, KML, GPX and NMEA 0183.

Each file is complete after every fix, so that a process that is killed has lost none. Places on the
Earth (WGS 84) need the scenario's origin; heights are above the ellipsoid. Times are the
scenario's epoch plus the fix's; without an epoch KML and GPX leave them out, and NMEA, which
has no place without time, cannot be written.
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

from ..geometry.frames import geodetic_from_enu
from ..positioning import Fix, confidence_ellipse
from ..scenario import Scenario
from .fixes import fix_to_dict

__all__ = ["EXPORTS", "Export", "ExportError", "GeoJson", "Gpx", "Kml", "Nmea", "fix_properties"]

Floats = NDArray[np.float64]
Path = str | os.PathLike[str]

_NAMESPACE = "urn:gr-dislac:fix"
"""Of what GPX has no element for."""


class ExportError(ValueError):
    """A format needs what the scenario does not say."""


class Export(ABC):
    """A file of fixes that grows by `write`, and is whole after it.

    Args:
        path: of the file; what it held before is overwritten.
        scenario: where the fixes come from.

    Raises:
        ExportError: the scenario has no origin, or no epoch where the format needs one.
        OSError: the file cannot be written.
    """

    tail = b""

    def __init__(self, path: Path, scenario: Scenario) -> None:
        self.check(scenario)
        assert scenario.origin is not None
        self.scenario = scenario
        self._origin = scenario.origin
        # Unbuffered: a fix is one write.
        self._file = open(path, "wb", buffering=0)  # noqa: SIM115 closed by close()
        self._file.write(self.head() + self.tail)

    @classmethod
    def check(cls, scenario: Scenario) -> None:
        """
        Raises:
            ExportError: the scenario lacks what the format needs.
        """
        if scenario.origin is None:
            raise ExportError(
                f"{cls.__name__} needs places on the Earth, and scenario '{scenario.name}' has "
                "none; give it an origin, such as --set origin.latitude_deg=50.9 --set "
                "origin.longitude_deg=-1.4"
            )

    @abstractmethod
    def head(self) -> bytes:
        """What stands before the first fix."""

    @abstractmethod
    def entry(self, fix: Fix) -> bytes:
        """What a fix adds; nothing perhaps."""

    def write(self, fix: Fix) -> None:
        """Adds a fix."""
        if entry := self.entry(fix):
            # The end of the document is written anew with what comes before it, at once.
            self._file.seek(-len(self.tail), os.SEEK_END)
            self._file.write(entry + self.tail)

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

    def outline(self, fix: Fix) -> Floats | None:
        """(n, 3) of the ellipse that holds 95 % in the horizontal plane, as `geodetic` has it."""
        if not np.isfinite(fix.covariance).all():
            return None
        ellipse = fix.position[:2] + confidence_ellipse(fix.covariance[:2, :2])
        return self.geodetic(np.insert(ellipse, 2, fix.position[2], axis=-1))

    def moment(self, fix: Fix) -> datetime | None:
        """When the fix was, UTC; None without an epoch."""
        epoch = self.scenario.epoch
        return None if epoch is None else epoch.astimezone(UTC) + timedelta(seconds=fix.time)

    def receiver(self) -> Floats:
        """Longitude, latitude, height of the receiver."""
        return self.geodetic(self.scenario.receiver.motion.state(0.0)[0])


def fix_properties(fix: Fix) -> dict[str, Any]:
    """What programs that show properties can say about a fix, where it is known; SI units."""
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
    return {"frame": int(fix.frame), "time": float(fix.time), **known}


def _deviations(fix: Fix) -> tuple[float, float]:
    """Root mean square errors that the covariance predicts, in the plane and in height [m]."""
    east, north, up = np.diag(fix.covariance)
    return float(np.sqrt(east + north)), float(np.sqrt(up))


class GeoJson(Export):
    """A FeatureCollection: fixes, the ellipses that hold each with 95 % probability, the receiver,
    and the truth where it is known.

    Source: RFC 7946.
    """

    tail = b"\n]}\n"

    def __init__(self, path: Path, scenario: Scenario) -> None:
        self._truth: Floats | None = None
        super().__init__(path, scenario)

    def head(self) -> bytes:
        receiver = self._feature("Point", self.receiver(), {"kind": "receiver"})
        return b'{"type": "FeatureCollection", "features": [\n' + receiver

    def entry(self, fix: Fix) -> bytes:
        features = []
        if self.scenario.target is not None:
            truth = self.scenario.target.motion.state(fix.time)[0]
            if self._truth is None or np.any(truth != self._truth):
                self._truth = truth
                about = {"kind": "truth", "time": float(fix.time)}
                features.append(self._feature("Point", self.geodetic(truth), about))
        if fix.valid:
            about = {"kind": "fix", **fix_to_dict(fix)}
            features.append(self._feature("Point", self.geodetic(fix.position), about))
            if (outline := self.outline(fix)) is not None:
                about = {"kind": "uncertainty", "frame": int(fix.frame), "probability": 0.95}
                features.append(self._feature("Polygon", outline[None], about))
        return b"".join(b",\n" + feature for feature in features)

    @staticmethod
    def _feature(kind: str, coordinates: Floats, properties: Mapping[str, Any]) -> bytes:
        feature = {
            "type": "Feature",
            "geometry": {"type": kind, "coordinates": coordinates.tolist()},
            "properties": properties,
        }
        return json.dumps(feature, allow_nan=False).encode()


class Kml(Export):
    """Placemarks for Google Earth and its like: the receiver, and each fix with its time, its
    numbers (ExtendedData) and the ellipse that holds it with 95 % probability.

    Drawn on the ground; heights stand in the coordinates.

    Source: OGC 12-007r2, KML 2.3, as far as KML 2.2 has it too.
    """

    tail = b"</Document>\n</kml>\n"

    def head(self) -> bytes:
        document = Element("Document")
        SubElement(document, "name").text = self.scenario.name
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
        mark = self._placemark(f"frame {fix.frame}", "fix", self.moment(fix))
        data = SubElement(mark, "ExtendedData")
        for name, value in fix_properties(fix).items():
            SubElement(SubElement(data, "Data", name=name), "value").text = repr(value)
        outline = self.outline(fix)
        parts = mark if outline is None else SubElement(mark, "MultiGeometry")
        self._point(parts, self.geodetic(fix.position))
        if outline is not None:
            ring = SubElement(SubElement(parts, "Polygon"), "outerBoundaryIs")
            self._coordinates(SubElement(ring, "LinearRing"), outline)
        return ElementTree.tostring(mark) + b"\n"

    @staticmethod
    def _placemark(name: str, style: str, moment: datetime | None) -> Element:
        mark = Element("Placemark")
        SubElement(mark, "name").text = name
        if moment is not None:
            SubElement(SubElement(mark, "TimeStamp"), "when").text = _iso(moment)
        SubElement(mark, "styleUrl").text = f"#{style}"
        return mark

    @classmethod
    def _point(cls, parent: Element, place: Floats) -> None:
        cls._coordinates(SubElement(parent, "Point"), place[None])

    @staticmethod
    def _coordinates(parent: Element, places: Floats) -> None:
        text = " ".join(f"{x:.9f},{y:.9f},{z:.4f}" for x, y, z in places.tolist())
        SubElement(parent, "coordinates").text = text


class Gpx(Export):
    """A track of fixes, broken where a frame gave none, and the receiver as a way point.

    What the covariance predicts stands in extensions, in metres: GPX's dilutions of precision
    are ratios, not errors.

    Source: GPX 1.1 schema, topografix.com.
    """

    tail = b"</trkseg></trk>\n</gpx>\n"

    def __init__(self, path: Path, scenario: Scenario) -> None:
        self._begun = self._broken = False
        super().__init__(path, scenario)

    def head(self) -> bytes:
        receiver = self._point("wpt", self.receiver(), None)
        SubElement(receiver, "name").text = "receiver"
        name = Element("name")
        name.text = self.scenario.name
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<gpx version="1.1" creator="gr-dislac" xmlns="http://www.topografix.com/GPX/1/1" '
            f'xmlns:dislac="{_NAMESPACE}">\n'
            f"{ElementTree.tostring(receiver, encoding='unicode')}\n"
            f"<trk>{ElementTree.tostring(name, encoding='unicode')}<trkseg>\n"
        ).encode()

    def entry(self, fix: Fix) -> bytes:
        if not fix.valid:
            self._broken = self._begun
            return b""
        point = self._point("trkpt", self.geodetic(fix.position), self.moment(fix))
        SubElement(point, "name").text = f"frame {fix.frame}"
        SubElement(point, "fix").text = "3d"
        extensions = SubElement(point, "extensions")
        for name, value in fix_properties(fix).items():
            SubElement(extensions, f"dislac:{name}").text = repr(value)
        begin = b"</trkseg><trkseg>\n" if self._broken else b""
        self._begun, self._broken = True, False
        return begin + ElementTree.tostring(point) + b"\n"

    @staticmethod
    def _point(kind: str, place: Floats, moment: datetime | None) -> Element:
        longitude, latitude, height = place.tolist()
        point = Element(kind, lat=f"{latitude:.9f}", lon=f"{longitude:.9f}")
        SubElement(point, "ele").text = f"{height:.4f}"
        if moment is not None:
            SubElement(point, "time").text = _iso(moment)
        return point


class Nmea(Export):
    """Sentences RMC, GGA and GST a frame, as a navigation receiver would send them.

    GST, the error ellipse, is left out where there is no covariance. A frame without a fix has RMC
    and GGA, with status V, quality 0 and no place. Heights are above
    the ellipsoid, the separation of the geoid is given as zero. The talker is GP, which every
    reader knows.

    Source: NMEA 0183 version 2.3, whose RMC has a mode indicator and no navigational status yet.
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
                ["GPRMC", time, "V", *nowhere, "", "", date, "", "", "N"],
                ["GPGGA", time, *nowhere, "0", "00", "", "", "M", "", "M", "", ""],
            )
        longitude, latitude, height = self.geodetic(fix.position).tolist()
        place = [*_degrees(latitude, 2, "NS"), *_degrees(longitude, 3, "EW")]
        sentences = [
            ["GPRMC", time, "A", *place, "", "", date, "", "", "A"],
            ["GPGGA", time, *place, "1", "01", "", f"{height:.3f}", "M", "0.0", "M", "", ""],
        ]
        if np.isfinite(fix.covariance).all():
            sentences.append(["GPGST", time, "", *_error_ellipse(fix.covariance)])
        return _sentences(*sentences)


EXPORTS: dict[str, type[Export]] = {"geojson": GeoJson, "kml": Kml, "gpx": Gpx, "nmea": Nmea}
"""Formats by their names, which are also the suffixes of their files."""


def _iso(moment: datetime) -> str:
    """UTC with microseconds, as XML Schema's dateTime."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


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
