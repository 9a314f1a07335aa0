"""A disk cache for machine code that cannot break an import or a fit.

Numba's own cache raises at import when no folder is writable, raises in a fit when a
cache file is damaged or the disk is full, and looks only at the file of the entry
point, so that an edit in a function it calls gives a stale result. `KernelCache` keeps
its format and its choice of folder (beside the source, else the user's own cache
folder, or ``NUMBA_CACHE_DIR``) and mends these three:

- the stamp is a digest of every file of this package and of the settings that change
  the generated code;
- a data file begins with a digest of stamp, signature and content, so that damage, or
  the code of another version, is seen before it is loaded;
- whatever fails while loading or saving only means to compile again.
"""

import functools
import hashlib
import pickle
from pathlib import Path

from numba import types
from numba.core import config
from numba.core.caching import FunctionCache, IndexDataCacheFile


@functools.cache
def package_stamp():
    """Digest of all kernel sources and of the settings that shape the machine code."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("[!.]*.py")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    settings = (
        config.BOUNDSCHECK,
        config.OPT,
        config.DEBUGINFO_DEFAULT,
        config.LOOP_VECTORIZE,
        config.SLP_VECTORIZE,
    )
    digest.update(repr(settings).encode())
    return digest.hexdigest()


class _CheckedCacheFile(IndexDataCacheFile):
    """Numba's index and data files, the data behind a digest of itself."""

    def save(self, key, data):
        payload = self._dump(data)
        super().save(key, self._digest(key, payload) + payload)

    def load(self, key):
        content = super().load(key)
        if content is None:
            return None
        size = hashlib.sha256().digest_size
        digest, payload = content[:size], content[size:]
        # Index and data are replaced one after the other, so a process that dies
        # between the two, or a second one, leaves the code of another key or version.
        if self._digest(key, payload) != digest:
            raise OSError("damaged or foreign cache file")
        return pickle.loads(payload)

    def _digest(self, key, payload):
        label = repr((self._source_stamp, key)).encode()
        return hashlib.sha256(label + payload).digest()

    def _save_data(self, name, data):
        with self._open_for_write(self._data_path(name)) as file:
            file.write(data)

    def _load_data(self, name):
        return Path(self._data_path(name)).read_bytes()


class KernelCache(FunctionCache):
    """A `FunctionCache` that is opened at the first use and never raises.

    Parameters
    ----------
    function : callable
        The Python function whose machine code is kept.
    """

    def __init__(self, function):
        self._function = function
        self._stamp = package_stamp()  # now: the files may be edited before first use
        self._is_open = False
        self._enabled = True

    def _open(self):
        if not self._is_open:
            super().__init__(self._function)
            self._cache_file = _CheckedCacheFile(
                cache_path=self._cache_path,
                filename_base=self._impl.filename_base,
                source_stamp=self._stamp,
            )
            self._is_open = True

    def _index_key(self, sig, codegen):
        # Numba compares namedtuples by class and types, not by the order of fields.
        fields = tuple(t.fields for t in sig if isinstance(t, types.BaseNamedTuple))
        return *super()._index_key(sig, codegen), fields

    @property
    def cache_path(self):
        return self._cache_path if self._is_open else None

    # What can go wrong here has no common type: OSError, pickle's and zlib's errors,
    # RuntimeError where no folder is writable, LLVM's parser. Compiling anew answers
    # all of them.
    def load_overload(self, sig, target_context):
        try:
            self._open()
            return super().load_overload(sig, target_context)
        except Exception:
            return None

    def save_overload(self, sig, data):
        try:
            self._open()
            super().save_overload(sig, data)
        except Exception:
            self._replace_damaged_index(sig, data)

    def _replace_damaged_index(self, sig, data):
        try:
            self.flush()
            super().save_overload(sig, data)
        except Exception:
            self.disable()
