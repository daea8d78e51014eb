# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures as files."""

import os
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import write_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["empty_figure", "write_figure"]


def empty_figure(width: float, height: float) -> "Figure":
    """Make a figure for a file, its parts laid out so that none covers another.

    matplotlib is loaded here: it takes as long as many a command that may draw, but does not.

    Parameters
    ----------
    width, height
        Size in inches.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def write_figure(figure: "Figure", path: str | os.PathLike[str], *, dpi: float) -> None:
    """Write a figure to a file, all at once.

    Parameters
    ----------
    figure
        The picture.
    path
        Of the file; its suffix chooses the format, PNG without one.
    dpi
        Dots per inch.

    Raises
    ------
    OSError
        The file cannot be written.
    ValueError
        matplotlib does not know the format.
    """
    kind = Path(path).suffix[1:].lower() or "png"
    known = figure.canvas.get_supported_filetypes()
    if kind not in known:
        raise ValueError(f"{path}: no format of pictures; its suffix may be {', '.join(known)}")
    content = BytesIO()
    figure.savefig(content, format=kind, dpi=dpi)
    write_file(path, content.getvalue())
