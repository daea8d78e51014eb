# SPDX-License-Identifier: GPL-3.0-or-later
"""Distributed integrated sensing, localization and communication with LEO satellites.

``from gnuradio import dislac`` imports nothing else: a room of the library (``dislac.arrays``,
``dislac.estimation``, ...) or a block (``dislac.leo_channel``, ...) is imported when it is first
asked for (PEP 562). Only blocks need GNU Radio.
"""

from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules

__version__ = "0.1.0"


def _modules(*path: str) -> list[str]:
    """Names of the public modules and packages in the folders ``path``."""
    return [module.name for module in iter_modules(path) if not module.name.startswith("_")]


def _blocks() -> dict[str, str]:
    """Module of each block by the block's name, and of what blocks share and flowgraphs.

    A block is a class of its module's name, in one of the folders of ``blocks/``.
    """
    root = f"{__path__[0]}/blocks"
    found = {}
    for name in _modules(root):
        inner = _modules(f"{root}/{name}")
        found.update(
            {block: f"blocks.{name}.{block}" for block in inner} or {name: f"blocks.{name}"}
        )
    return found


def _block(name: str, module: str) -> object:
    if find_spec("gnuradio.gr") is None:
        raise ImportError(
            f"dislac.{name} is a GNU Radio block, and this interpreter has no GNU Radio; "
            "`dislac doctor` says what to do. The other rooms of dislac work without it.",
            name="gnuradio.gr",
        )
    found = import_module(f"{__name__}.{module}")
    return getattr(found, name, found)  # a module without a block, such as pmt_keys, is itself


def __getattr__(name: str) -> object:
    if name in _modules(__path__[0]):
        return import_module(f"{__name__}.{name}")
    if module := _blocks().get(name):
        value = globals()[name] = _block(name, module)
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_modules(__path__[0]), *_blocks()})
