"""The order of an epoch."""

import numpy as np

_MASK = 2**64 - 1
_INCREMENT = 0x9E3779B97F4A7C15


def mix(z):
    """SplitMix64's output function, on 64-bit unsigned integers."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def random_below(n, key, i):
    """The i-th number of a key's stream: SplitMix64 on a counter."""
    bits = mix((key + i * _INCREMENT) & _MASK) >> 11
    return int(bits * 2.0**-53 * n)


def shuffled(items, key, first=0):
    """The inside-out Fisher-Yates shuffle, by the key's numbers from `first` on."""
    order = []
    for i, item in enumerate(items):
        j = random_below(i + 1, key, first + i)
        order.append(item)
        order[i], order[j] = order[j], order[i]
    return order


def epoch_key(seed, epoch):
    return mix(seed ^ mix(epoch + _INCREMENT))


def draw_order(n_samples, seed, epoch):
    """Any order of the rows, one as likely as another."""
    return shuffled(range(n_samples), epoch_key(seed, epoch))


def draw_block_order(n_samples, seed, epoch, block_size, pool_size):
    """Whole blocks of rows in random order, then the rows shuffled pool by pool.

    The first block begins at a random row, the rows being a ring; the rows that are
    too few for a block come last.
    """
    key = epoch_key(seed, epoch)
    n_blocks = n_samples // block_size
    if n_blocks == 0:
        return draw_order(n_samples, seed, epoch)
    block_key = mix(key)
    shift = random_below(n_samples, block_key, n_blocks)
    ring = [*range(shift, n_samples), *range(shift)]
    pieces = [ring[i : i + block_size] for i in range(0, n_samples, block_size)]
    read = [*shuffled(range(n_blocks), block_key), *range(n_blocks, len(pieces))]
    rows = [row for block in read for row in pieces[block]]
    order = []
    for first in range(0, n_samples, pool_size):
        order += shuffled(rows[first : first + pool_size], key, first)
    return order


def seed_of(random_state):
    """The number that an integer `random_state` stands for."""
    return int(np.random.RandomState(random_state).randint(np.iinfo(np.int32).max))


def shuffled_orders(n_samples, n_epochs, random_state, draw=draw_order):
    """One order an epoch."""
    seed = seed_of(random_state)
    return [draw(n_samples, seed, epoch) for epoch in range(n_epochs)]
