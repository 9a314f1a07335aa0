"""From what users pass to what the engine reads, or a clear refusal."""

from contextlib import contextmanager
from functools import partial

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn import get_config
from sklearn.utils import assert_all_finite, check_array, check_consistent_length
from sklearn.utils.validation import _check_sample_weight, validate_data

from .._naming import naming
from ..engine._cores import by_blocks, cores_for
from ..engine._rows import mapped_file, row_blocks
from ..engine._types import Data, read_only

# Numbers of a block that one core checks, in some milliseconds. Of a mapped file, of
# which every core keeps a block in memory, there are `_rows.NUMBERS_AT_ONCE`. Reading
# one takes as long as so many multiply-adds.
NUMBERS_CHECKED = 2**22
COST_OF_NUMBER = 2

FLOATS = [np.float64, np.float32]

# Arrays that live elsewhere are known by these attributes.
_FOREIGN = {"__dask_graph__": "dask", "__cuda_array_interface__": "GPU"}


def validated_data(estimator, X, y, sample_weight, is_first):
    """Checked input as `Data`, and whether y is one target without an axis.

    With `is_first` the estimator learns the number and names of the features, else
    they must be those that it knows.
    """
    refuse_foreign(X=X, y=y, sample_weight=sample_weight)
    if y is None:
        validate_data(estimator, X, y)  # scikit-learn's words for it
    with naming("X"):
        X = _validated_matrix(estimator, X, is_first)
    with naming("y"):
        y = check_array(y, dtype=FLOATS, order="C", ensure_2d=False, input_name="y")
        check_consistent_length(X, y)
        y = finite_cast(y, X.dtype, "y")
    weight = checked_weight(sample_weight, X, "sample_weight")
    data = Data(*map(read_only, (X, y.reshape(len(y), -1), weight)))
    return data, y.ndim == 1


def _validated_matrix(estimator, X, is_first):
    """X as scikit-learn has it checked; NaN and infinity are looked for by blocks."""
    is_sparse = issparse(X)
    X = checked_matrix(estimator, X, is_first, order="C", ensure_all_finite=is_sparse)
    # Asked for here, since threads have a configuration of their own.
    if not is_sparse and not get_config()["assume_finite"]:
        _refuse_infinite(X, type(estimator).__name__)
    return X


def _refuse_infinite(X, estimator_name):
    """scikit-learn's refusal of NaN and infinity; the cores share large X."""
    n_features, is_mapped = X.shape[1], mapped_file(X) is not None
    fewest = 1 if is_mapped else max(1, NUMBERS_CHECKED // n_features)
    check = partial(assert_all_finite, estimator_name=estimator_name, input_name="X")

    def refusal(rows):
        try:
            check(X[rows])
        except ValueError as error:
            return error
        return None

    blocks = row_blocks(X, n_features, at_least=fewest)
    with cores_for(COST_OF_NUMBER * X.size) as cores:
        error = next(filter(None, by_blocks(cores, X, refusal, blocks)), None)
    if error is None:
        return
    if not is_mapped:
        check(X)  # of NaN and infinity it names NaN, wherever that is
    raise error


def checked_matrix(estimator, X, is_first=False, **checks):
    """X as scikit-learn has it checked, a sparse one in its canonical format."""
    if issparse(X):
        X = _with_sound_indices(X)
    X = validate_data(
        estimator,
        X,
        reset=is_first,
        dtype=FLOATS,
        accept_sparse=estimator._sparse_format,
        **checks,
    )
    return _canonical(X) if issparse(X) else X


def _with_sound_indices(X):
    """X, or a refusal if an index points out of it, before any conversion follows it.

    Checks tidy up what they look at, so that they get a view of the user's arrays.
    """
    if X.format == "coo":
        type(X)((X.data, X.coords), shape=X.shape)
        return X
    if X.format not in {"csr", "csc", "bsr"}:
        X = X.tocsr()
    view = type(X)((X.data, X.indices, X.indptr), shape=X.shape)
    view.check_format(full_check=True)
    return X


def _canonical(X):
    """Compressed rows of which every entry is there once; the user's stay untouched."""
    X = csr_array(X)
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X


def checked_weight(sample_weight, X, name):
    """Weights of mean 1 in X's dtype, or an empty array for none."""
    if sample_weight is None:
        return np.empty(0, dtype=X.dtype)
    with naming(name):
        weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        assert_all_finite(weight, input_name=name)
    return mean_one(weight).astype(X.dtype, copy=False)


@contextmanager
def unchanged_on_error(estimator):
    """Give the estimator its attributes back when the body raises."""
    before = vars(estimator).copy()
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def refuse_foreign(**inputs):
    """Refuse arrays that would be fetched from elsewhere, rather than copy them."""
    for name, value in inputs.items():
        for attribute, kind in _FOREIGN.items():
            if hasattr(value, attribute):
                raise TypeError(
                    f"{name} is a {kind} array, but training happens in the memory of "
                    "this process: pass a NumPy array or a pandas DataFrame."
                )


def finite_cast(array, dtype, name):
    """Cast, looking for values that the smaller type cannot hold."""
    if array.dtype == dtype:
        return array
    with np.errstate(over="ignore", invalid="ignore"):
        array = array.astype(dtype)
        assert_all_finite(array, input_name=name)
    return array


def mean_one(weight):
    """Weights of mean 1; the largest is divided by first, against overflow."""
    weight = weight / weight.max()
    return weight / weight.mean(dtype=np.float64)
