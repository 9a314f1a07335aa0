"""How kernels become machine code.

An `entry_point` is what Python calls. It is compiled at its first call, with every
`kernel` that it reaches inlined, and kept on disk.

Numba compiles each function for itself: it optimises the function with all that it
calls, makes machine code of it and loads that, before it does the same with the
caller. Of a kernel only its place inside the entry points is ever run, so
`InlinedLibrary` leaves out the rest, which is two fifths of the time of a first fit.
"""

import contextlib
import gc

import numba
from numba import types
from numba.core import config
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.extending import overload

from ._cache import KernelCache

# No 'nnan' and no 'ninf': they delete `_stopping.is_finite`, by which a divergence is
# recognised. 'reassoc' deletes `math.isfinite`, which therefore no kernel calls.
_OPTIONS = {
    "fastmath": {"reassoc", "contract", "nsz", "arcp"},
    "error_model": "numpy",
    "nogil": True,
    # Kernels own no memory, and counting who holds an array costs a step at batch
    # size 1 most of its time. What would allocate does not compile.
    "_nrt": False,
}


class InlinedLibrary(JITCodeLibrary):
    """Intermediate code for callers to take in; no machine code is made of it."""

    def _optimize_final_module(self):
        pass

    def _finalize_final_module(self):
        self._finalized = True

    def get_pointer_to_function(self, name):
        self._ensure_finalized()
        return 0

    @property
    def codegen(self):
        return self

    def set_env(self, name, env):
        """Do nothing: an environment belongs to machine code."""


class _EntryCompiler(Compiler):
    """Numba's own passes, with no garbage collection meanwhile.

    They make many objects and little garbage, so that looking for it is in vain. The
    switch belongs to the process: a thread that disables it meanwhile is overruled.
    """

    def compile_extra(self, function):
        was_enabled = gc.isenabled()
        try:
            gc.disable()
            return super().compile_extra(function)
        finally:
            if was_enabled:
                gc.enable()


class _InlinedCompiler(Compiler):
    """Numba's own passes, into an `InlinedLibrary`."""

    def compile_extra(self, function):
        codegen = self.state.targetctx.codegen()
        self.state.library = InlinedLibrary(codegen, function.__qualname__)
        return super().compile_extra(function)


_ENTRY_OPTIONS = _OPTIONS | {"pipeline_class": _EntryCompiler}

_KERNEL_OPTIONS = _OPTIONS | {
    "pipeline_class": _InlinedCompiler,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "forceinline": True,
}

# Sums stay in the order in which they are written, where another costs time or digits.
_ORDERED_OPTIONS = _KERNEL_OPTIONS | {"fastmath": {"contract", "nsz"}}


def kernel(function):
    """Compile a function that is called from other kernels only."""
    return numba.njit(**_KERNEL_OPTIONS)(function)


def kernel_by_matrix(dense, sparse, is_ordered=False):
    """One kernel of two: its first argument, an array or the parts of one, decides.

    That is known when it is compiled, so that neither costs the other anything.

    `is_ordered` keeps the sums of the first as they are written. Those of the second,
    over scattered places, always are: in any other order they are done by instructions
    that gather, which take three times as long.
    """
    dense_options = _ORDERED_OPTIONS if is_ordered else _KERNEL_OPTIONS

    def chosen(X, *others):
        return (sparse if isinstance(X, tuple) else dense)(X, *others)

    def for_arrays(X, *others):
        return None if isinstance(X, types.BaseTuple) else dense

    def for_parts(X, *others):
        return sparse if isinstance(X, types.BaseTuple) else None

    if not config.DISABLE_JIT:
        overload(chosen, jit_options=dense_options, strict=False)(for_arrays)
        overload(chosen, jit_options=_ORDERED_OPTIONS, strict=False)(for_parts)
    return chosen


def entry_point(function):
    """Compile a function that Python calls, and keep it on disk."""
    dispatcher = numba.njit(**_ENTRY_OPTIONS)(function)
    if not config.DISABLE_JIT:
        # Sources that can't be read can't be stamped: do without a disk cache.
        with contextlib.suppress(OSError):
            dispatcher._cache = KernelCache(function)
    return dispatcher
