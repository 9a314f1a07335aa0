"""Every test of a picture draws without a screen."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest


@pytest.fixture(autouse=True)
def _headless():
    with mpl.rc_context():
        plt.switch_backend("Agg")
        plt.close("all")  # what others left open
        yield
        plt.close("all")
