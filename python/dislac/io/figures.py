# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures as files."""

import os
from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure

from ..files import write_file

__all__ = ["write_figure"]


def write_figure(figure: Figure, path: str | os.PathLike[str], *, dpi: float) -> None:
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
    content = BytesIO()
    figure.savefig(content, format=Path(path).suffix[1:] or "png", dpi=dpi)
    write_file(path, content.getvalue())
