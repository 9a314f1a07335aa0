"""Fetching what will be read soon, while the processor is busy with something else."""

from numba import types
from numba.core import cgutils, config
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

CACHE_LINE = 64  # bytes

if config.DISABLE_JIT:

    def prefetch(array, place, offset):
        """Interpreted code has no use for the cache."""

else:

    @intrinsic
    def prefetch(typing_context, array, place, offset):
        """Ask for the cache line `offset` bytes behind array[place]."""
        signature = types.void(array, place, types.intp)

        def generate(context, builder, signature, arguments):
            array_type = signature.args[0]
            array = make_array(array_type)(context, builder, arguments[0])
            index = [
                context.cast(builder, value, source, types.intp)
                for value, source in zip(
                    cgutils.unpack_tuple(builder, arguments[1]),
                    signature.args[1],
                    strict=True,
                )
            ]
            pointer = cgutils.get_item_pointer(
                context, builder, array_type, array, index, wraparound=False
            )
            pointer = builder.bitcast(pointer, cgutils.voidptr_t)
            pointer = builder.gep(pointer, [arguments[2]])
            # Into the second cache, which waits for far more lines at once than the
            # first: with that one an epoch takes a third longer, of few columns twice.
            read, to_second_cache, data = (cgutils.int32_t(v) for v in (0, 2, 1))
            prefetch = builder.module.declare_intrinsic(
                "llvm.prefetch",
                [pointer.type],
                fnty=cgutils.ir.FunctionType(
                    cgutils.ir.VoidType(), [pointer.type] + [cgutils.int32_t] * 3
                ),
            )
            builder.call(prefetch, [pointer, read, to_second_cache, data])
            return context.get_dummy_value()

        return signature, generate
