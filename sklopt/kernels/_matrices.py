"""What the loop asks of X: products with its rows, and to have them fetched in time.

X is a C-ordered array, or the parts of a matrix of compressed sparse rows: the non-zero
values, their columns, and where each row starts among them. Everything else in the
kernels is the same for both.

Parameters are (K, P) with φ₀ first: column j of X belongs to place j + 1 of row k.
"""

import numpy as np

from ._compilation import kernel, kernel_by_matrix
from ._prefetching import CACHE_LINE, prefetch

# Rows of a dense X that are multiplied together: the loops over them are written out.
GROUP_SIZE = 4

# Of the memory of arrays, in bytes, as most allocators have it.
ALIGNMENT = 16

_FIRST_WEIGHT = np.uintp(1)


@kernel
def place_of(column):
    """Where among the parameters the values of a column of a sparse X belong."""
    # No negative number, which would be looked for from the end, at the cost of a test.
    return np.uintp(column) + _FIRST_WEIGHT


@kernel
def nonzeros(X, row):
    """Values and columns of one row of a sparse X."""
    first, stop = X.starts[row], X.starts[row + 1]
    return X.values[first:stop], X.columns[first:stop]


def _dense_size(X):
    return X.shape[1]


def _sparse_size(X):
    n_rows = X.starts.size - 1
    return (X.values.size + n_rows - 1) // n_rows


def _dense_product(X, row, phi, k):
    total = 0.0
    for j in range(X.shape[1]):
        total += X[row, j] * phi[k, j + 1]
    return total


def _sparse_product(X, row, phi, k):
    values, columns = nonzeros(X, row)
    # Sums of their own, so that none waits for another.
    sum_a = sum_b = sum_c = sum_d = 0.0
    n_fours = values.size // 4
    for i in range(0, 4 * n_fours, 4):
        sum_a += values[i] * phi[k, place_of(columns[i])]
        sum_b += values[i + 1] * phi[k, place_of(columns[i + 1])]
        sum_c += values[i + 2] * phi[k, place_of(columns[i + 2])]
        sum_d += values[i + 3] * phi[k, place_of(columns[i + 3])]
    for i in range(4 * n_fours, values.size):
        sum_a += values[i] * phi[k, place_of(columns[i])]
    return (sum_a + sum_b) + (sum_c + sum_d)


@kernel
def rows_of_group(rows, i):
    """Four rows, unsigned: a signed one might count from the end, which is a test."""
    first, second = np.uintp(rows[i]), np.uintp(rows[i + 1])
    return first, second, np.uintp(rows[i + 2]), np.uintp(rows[i + 3])


@kernel
def pulls_of_group(pulls, k, i):
    """What the rows of a group are multiplied by for candidate k."""
    return pulls[k, i], pulls[k, i + 1], pulls[k, i + 2], pulls[k, i + 3]


@kernel
def whole_groups(n_rows):
    """How many of the rows are in a group."""
    return n_rows - n_rows % GROUP_SIZE


def _dense_products(X, rows, n_rows, phi, k, products):
    for i in range(0, whole_groups(n_rows), GROUP_SIZE):
        a, b, c, d = rows_of_group(rows, i)
        sum_a = sum_b = sum_c = sum_d = 0.0
        for j in range(X.shape[1]):
            weight = phi[k, j + 1]
            sum_a += X[a, j] * weight
            sum_b += X[b, j] * weight
            sum_c += X[c, j] * weight
            sum_d += X[d, j] * weight
        products[k, i], products[k, i + 1] = sum_a, sum_b
        products[k, i + 2], products[k, i + 3] = sum_c, sum_d
    for i in range(whole_groups(n_rows), n_rows):
        products[k, i] = row_product(X, rows[i], phi, k)


def _dense_products_of_two(X, rows, n_rows, phi, k, m, products):
    for i in range(0, whole_groups(n_rows), GROUP_SIZE):
        a, b, c, d = rows_of_group(rows, i)
        k_a = k_b = k_c = k_d = 0.0
        m_a = m_b = m_c = m_d = 0.0
        for j in range(X.shape[1]):
            x_a, x_b, x_c, x_d = X[a, j], X[b, j], X[c, j], X[d, j]
            k_weight, m_weight = phi[k, j + 1], phi[m, j + 1]
            k_a += x_a * k_weight
            k_b += x_b * k_weight
            k_c += x_c * k_weight
            k_d += x_d * k_weight
            m_a += x_a * m_weight
            m_b += x_b * m_weight
            m_c += x_c * m_weight
            m_d += x_d * m_weight
        products[k, i], products[k, i + 1] = k_a, k_b
        products[k, i + 2], products[k, i + 3] = k_c, k_d
        products[m, i], products[m, i + 1] = m_a, m_b
        products[m, i + 2], products[m, i + 3] = m_c, m_d
    for i in range(whole_groups(n_rows), n_rows):
        products[k, i] = row_product(X, rows[i], phi, k)
        products[m, i] = row_product(X, rows[i], phi, m)


def _sparse_products(X, rows, n_rows, phi, k, products):
    for i in range(n_rows):
        products[k, i] = row_product(X, rows[i], phi, k)


# Of sparse rows pairs save nothing, so that no plan has them: these only compile.
def _sparse_products_of_two(X, rows, n_rows, phi, k, m, products):
    row_products(X, rows, n_rows, phi, k, products)
    row_products(X, rows, n_rows, phi, m, products)


def _add_dense_row(X, row, pull, gradient, k):
    for j in range(X.shape[1]):
        gradient[k, j + 1] += pull * X[row, j]


def _add_sparse_row(X, row, pull, gradient, k):
    values, columns = nonzeros(X, row)
    for i in range(values.size):
        gradient[k, place_of(columns[i])] += pull * values[i]


def _add_dense_rows(X, rows, n_rows, pulls, gradient, k):
    for i in range(0, whole_groups(n_rows), GROUP_SIZE):
        a, b, c, d = rows_of_group(rows, i)
        k_a, k_b, k_c, k_d = pulls_of_group(pulls, k, i)
        for j in range(X.shape[1]):
            x_a, x_b, x_c, x_d = X[a, j], X[b, j], X[c, j], X[d, j]
            gradient[k, j + 1] += (k_a * x_a + k_b * x_b) + (k_c * x_c + k_d * x_d)
    for i in range(whole_groups(n_rows), n_rows):
        add_row(X, rows[i], pulls[k, i], gradient, k)


def _add_dense_rows_to_two(X, rows, n_rows, pulls, gradient, k, m):
    for i in range(0, whole_groups(n_rows), GROUP_SIZE):
        a, b, c, d = rows_of_group(rows, i)
        k_a, k_b, k_c, k_d = pulls_of_group(pulls, k, i)
        m_a, m_b, m_c, m_d = pulls_of_group(pulls, m, i)
        for j in range(X.shape[1]):
            x_a, x_b, x_c, x_d = X[a, j], X[b, j], X[c, j], X[d, j]
            gradient[k, j + 1] += (k_a * x_a + k_b * x_b) + (k_c * x_c + k_d * x_d)
            gradient[m, j + 1] += (m_a * x_a + m_b * x_b) + (m_c * x_c + m_d * x_d)
    for i in range(whole_groups(n_rows), n_rows):
        add_row(X, rows[i], pulls[k, i], gradient, k)
        add_row(X, rows[i], pulls[m, i], gradient, m)


def _add_sparse_rows(X, rows, n_rows, pulls, gradient, k):
    for i in range(n_rows):
        add_row(X, rows[i], pulls[k, i], gradient, k)


def _add_sparse_rows_to_two(X, rows, n_rows, pulls, gradient, k, m):
    add_rows(X, rows, n_rows, pulls, gradient, k)
    add_rows(X, rows, n_rows, pulls, gradient, m)


def _no_start(X, row):
    pass


def _prefetch_start(X, row):
    prefetch(X.starts, (row,), 0)


@kernel
def lines_of_row(row_bytes):
    """Cache lines that a dense row touches at most.

    Rows begin at multiples of the largest power of two in their size, as far as memory
    is aligned: a line asked for in vain takes as long as one that is needed.
    """
    alignment = min(row_bytes & -row_bytes, ALIGNMENT)
    return (row_bytes - alignment + 2 * CACHE_LINE - 1) // CACHE_LINE


def _prefetch_dense_row(X, row):
    for line in range(lines_of_row(X.shape[1] * X.itemsize) - 1):
        prefetch(X, (row, 0), line * CACHE_LINE)
    prefetch(X, (row, X.shape[1] - 1), 0)


def _prefetch_sparse_row(X, row):
    values, columns = nonzeros(X, row)
    for offset in range(0, values.size * values.itemsize, CACHE_LINE):
        prefetch(values, (0,), offset)
    for offset in range(0, columns.size * columns.itemsize, CACHE_LINE):
        prefetch(columns, (0,), offset)


# How many numbers a row holds, in the mean and rounded up.
row_size = kernel_by_matrix(_dense_size, _sparse_size)

# Σⱼ xⱼ φⱼ₊₁ of one row of X; of some rows; of some rows and two candidates.
row_product = kernel_by_matrix(_dense_product, _sparse_product)
row_products = kernel_by_matrix(_dense_products, _sparse_products)
row_products_of_two = kernel_by_matrix(_dense_products_of_two, _sparse_products_of_two)

# Add pull · xⱼ of one row to each ∂J/∂φⱼ₊₁ of candidate k; of some rows; of some rows
# and two candidates. Ordered, or the compiler may sum for two otherwise than for one.
add_row = kernel_by_matrix(_add_dense_row, _add_sparse_row)
add_rows = kernel_by_matrix(_add_dense_rows, _add_sparse_rows, is_ordered=True)
add_rows_to_two = kernel_by_matrix(
    _add_dense_rows_to_two, _add_sparse_rows_to_two, is_ordered=True
)

# Ask for where a row starts, which has to be known before its numbers are asked for.
prefetch_start = kernel_by_matrix(_no_start, _prefetch_start)

# Ask for all numbers of a row before they are needed.
prefetch_row = kernel_by_matrix(_prefetch_dense_row, _prefetch_sparse_row)
