"""The order in which rows are visited, and fetching them from memory in time."""

import numpy as np

from ._compilation import kernel
from ._matrices import prefetch_row, prefetch_start, row_size
from ._prefetching import CACHE_LINE, prefetch

# What is asked for ahead of the row in work: about what is seen together (which
# `_train._rows_together` says), yet little enough to be still in the second cache.
PREFETCHED_LINES = 256

# Nobody asks for the first rows of a pool. So of small pools, as those of blocks are,
# rows are asked for less far ahead: with 50 columns a row takes 46 ns, and 49 without.
POOL_PER_ROW_AHEAD = 128

# SplitMix64 (Steele, Lea and Flood, 2014): a bijection of the 64-bit numbers whose
# outputs on a counter are random enough for any shuffle. Being a function of the
# counter, it gives the order of an epoch without those of the epochs before it.
_INCREMENT = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIERS = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_SHIFTS = np.uint64(30), np.uint64(27), np.uint64(31)
_UNUSED_BITS = np.uint64(11)
_UNIT = 2.0**-53


@kernel
def mix(z):
    """SplitMix64's output function."""
    z = (z ^ (z >> _SHIFTS[0])) * _MULTIPLIERS[0]
    z = (z ^ (z >> _SHIFTS[1])) * _MULTIPLIERS[1]
    return z ^ (z >> _SHIFTS[2])


@kernel
def random_below(n, key, i):
    """The i-th random number of a key, one of 0…n − 1."""
    bits = mix(key + np.uint64(i) * _INCREMENT) >> _UNUSED_BITS
    return int(np.float64(np.int64(bits)) * _UNIT * n)


@kernel
def draw_order(order, blocks, plan, n_rows, epoch, first, stop):
    """Steps first…stop of drawing an epoch's random order; calls in sequence fill it.

    The blocks of rows are shuffled first, where there are any, then the rows of each
    pool of blocks in turn, each pool in the place of the last one. Steps of one call
    do not reach beyond a pool. Without blocks all rows are one pool.
    """
    key = mix(np.uint64(plan.seed) ^ mix(np.uint64(epoch) + _INCREMENT))
    block_key, n_blocks = mix(key), blocks.size - 1
    for i in range(first, min(stop, n_blocks)):
        shuffle_in(blocks, i, block_key, 0, i)
    if first <= n_blocks < stop:
        # Blocks begin elsewhere in each epoch, so that no two rows always go together.
        blocks[n_blocks] = random_below(n_rows, block_key, n_blocks)
    first, stop = max(first - blocks.size, 0), stop - blocks.size
    pool_start = first - first % plan.pool_size
    while first < stop:
        row = arriving_row(blocks, plan.block_size, n_rows, first)
        end = end_of_block(blocks, plan.block_size, first, stop)
        for i in range(first, end):
            shuffle_in(order, row, key, pool_start, i - pool_start)
            row = row + 1 if row + 1 < n_rows else 0
        first = end


@kernel
def shuffle_in(order, item, key, n_drawn, i):
    """Put the i-th item at a random place of order[:i + 1], what was there at i.

    The inside-out form of the Fisher-Yates shuffle: when the places before i are a
    uniformly random permutation of their items, so are they and i afterwards. The key
    has given `n_drawn` numbers to earlier orders.
    """
    j = random_below(i + 1, key, n_drawn + i)
    order[i] = order[j]
    order[j] = item


@kernel
def end_of_block(blocks, block_size, i, stop):
    """Where the block of the i-th arriving row ends, or `stop` if that is sooner."""
    return min(stop, i - i % block_size + block_size) if blocks.size else stop


@kernel
def arriving_row(blocks, block_size, n_rows, i):
    """The i-th row when blocks are read one after the other; a short block is last."""
    if not blocks.size:
        return i
    block, place, n_blocks = i // block_size, i % block_size, blocks.size - 1
    if block < n_blocks:
        block = blocks[block]
    row = blocks[n_blocks] + block * block_size + place
    return row - n_rows if row >= n_rows else row


@kernel
def bytes_of_row(data):
    """Size of the features and targets of a row, in the mean."""
    return (row_size(data.X) + data.y.shape[1]) * data.y.itemsize


@kernel
def rows_ahead(data, order):
    """How many places before its own a row is asked for; fewer in a small pool."""
    n_rows = PREFETCHED_LINES // (bytes_of_row(data) // CACHE_LINE + 1)
    return max(min(n_rows, order.size // POOL_PER_ROW_AHEAD), 1)


@kernel
def row_at(data, order, pool_start, place, ahead):
    """The row at a place of the epoch's order; one that comes later is asked for."""
    if not order.size:
        return place  # the processor itself sees what comes next
    i, last = place - pool_start, order.size - 1
    prefetch_start(data.X, order[min(i + 2 * ahead, last)])
    ask_for_row(data, order[min(i + ahead, last)])
    return order[i]


@kernel
def ask_for_row(data, row):
    """Ask for a row's target, weight and features."""
    prefetch_row(data.y, row)
    if data.weight.size:
        prefetch(data.weight, (row,), 0)
    prefetch_row(data.X, row)
