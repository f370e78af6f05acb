"""Load pickles of tables without running code that a pickle may contain."""

import io
import pickle
from typing import Any

from pandas.compat import pickle_compat

from jobgen.common.errors import InputError

# The classes and functions in pickles of DataFrames of pandas 1 to 3, besides plain containers. A
# pickle can name any callable of any module; all others are refused before they are imported.
_ADMITTED = {
    module: set(names.split())
    for module, names in {
        "builtins": "slice set frozenset bytearray complex range",
        "collections": "OrderedDict",
        "datetime": "date datetime time timedelta timezone",
        "_codecs": "encode",
        "copyreg": "_reconstructor",
        "numpy": "ndarray dtype",
        "numpy._core.multiarray": "_reconstruct scalar",
        "numpy.core.multiarray": "_reconstruct scalar",
        "numpy._core.numeric": "_frombuffer",
        "numpy.core.numeric": "_frombuffer",
        "pandas": "DataFrame Series Index RangeIndex MultiIndex CategoricalIndex DatetimeIndex"
        " TimedeltaIndex NA"
        " Categorical CategoricalDtype StringDtype BooleanDtype Int8Dtype Int16Dtype Int32Dtype"
        " Int64Dtype UInt8Dtype UInt16Dtype UInt32Dtype UInt64Dtype Float32Dtype Float64Dtype"
        " DatetimeTZDtype",
        "pandas.arrays": "ArrowStringArray StringArray Categorical DatetimeArray TimedeltaArray"
        " BooleanArray IntegerArray FloatingArray",
        "pandas.core.frame": "DataFrame",
        "pandas.core.series": "Series",
        "pandas.core.internals.managers": "BlockManager SingleBlockManager",
        "pandas.core.internals.blocks": "new_block",
        "pandas.core.indexes.base": "Index _new_Index",
        "pandas.core.indexes.range": "RangeIndex",
        "pandas.core.indexes.numeric": "Int64Index Float64Index UInt64Index",
        "pandas.core.indexes.datetimes": "DatetimeIndex _new_DatetimeIndex",
        "pandas.core.indexes.timedeltas": "_new_TimedeltaIndex",
        "pandas.core.arrays.string_": "StringDtype StringArray",
        "pandas.core.arrays.string_arrow": "ArrowStringArray ArrowStringArrayNumpySemantics",
        "pandas.core.arrays.categorical": "Categorical",
        "pandas.core.dtypes.dtypes": "CategoricalDtype DatetimeTZDtype",
        "pandas._libs.internals": "_unpickle_block BlockPlacement BlockManager",
        "pandas._libs.arrays": "__pyx_unpickle_NDArrayBacked",
        "pandas._libs.tslibs.timestamps": "_unpickle_timestamp",
        "pandas._libs.tslibs.timedeltas": "_timedelta_unpickle",
        "pandas._libs.tslibs.nattype": "_nat_unpickle",
        "pyarrow.lib": "chunked_array _restore_array type_for_alias py_buffer",
    }.items()
}


class _DataUnpickler(pickle_compat.Unpickler):
    """An unpickler that admits the classes of DataFrames and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if name not in _ADMITTED.get(module, ()):
            raise pickle.UnpicklingError(f"holds {module}.{name}")
        return super().find_class(module, name)


def load_pickle(path: str) -> Any:
    """Load a pickle of DataFrames and plain containers.

    Raises:
        InputError: the pickle holds anything else, which is named but not run, or is incomplete.
    """
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}") from None
    try:
        return _DataUnpickler(io.BytesIO(content)).load()
    except pickle.UnpicklingError as error:
        raise InputError(
            path, f"refused: {error}; only DataFrames and plain containers are loaded"
        ) from None
    except Exception as error:  # a corrupt pickle can fail in any way
        raise InputError(path, f"no complete pickle ({type(error).__name__}: {error})") from None
