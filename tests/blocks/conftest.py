# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from companion_helpers import make_platform


@pytest.fixture(scope="session")
def platform(tmp_path_factory):
    """Companion's core."""
    return make_platform(tmp_path_factory.mktemp("needed"))


@pytest.fixture
def qt():
    """An application for blocks that are windows."""
    QtWidgets = pytest.importorskip("PyQt5.QtWidgets")
    return QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
