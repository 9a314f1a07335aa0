"""Results that nobody changes by accident."""

from dataclasses import fields

import numpy as np


class FrozenArrays:
    """Base of frozen dataclasses: their arrays are copies that cannot be written to.

    Frozen attributes alone would still follow an array that its owner writes to.
    """

    def __post_init__(self):
        for field in fields(self):
            if field.type is np.ndarray:
                array = np.array(getattr(self, field.name))
                array.setflags(write=False)
                object.__setattr__(self, field.name, array)

    def __setstate__(self, state):
        """As they were: copies and pickles of arrays can be written to."""
        vars(self).update(state)
        self.__post_init__()
