"""What the classes and functions in pickles of tables become: built anew, from checked data.

A builder is given the arguments of a call, the state that the new object would be given, and the
size of the pickle in bytes, which bounds whatever it holds.
"""

import datetime
import decimal
import math
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow

_DTYPE = re.compile(r"b1|[iu][1248]|f[248]|c8|c16|O8?|[SU]\d{1,7}|[Mm]8(\[\d*\w{1,2}\])?")
_DTYPE_VERSIONS = (3, 4)  # of NumPy's states of types
_MOST_DIMENSIONS = 32
ATOMS = (str, int, float, bool, bytes, bytearray, complex, type(None))
_LONGEST_KEY, _LARGEST_KEY = 16, 2**53  # of a tuple that is a key, of a number that is one
_UNITS = {7: "s", 8: "ms", 9: "us", 10: "ns"}  # NumPy's numbers of units of time


Builder = Callable[[Any, Any, int], Any]


class Name:
    """A class or function that the pickle names."""

    def __init__(self, module: str, name: str):
        self.module, self.name = module, name


def check_key(key: Any, *others: type) -> None:
    """Refuse keys that no table has, whose hashes could be made to collide or to last.

    Args:
        key: of a dictionary, or an entry of a set.
        others: types that are allowed beside plain texts and numbers.

    Raises:
        UnpicklingError: it is a large number, or nested.
    """
    parts = key if type(key) is tuple and len(key) <= _LONGEST_KEY else (key,)
    for part in parts:
        is_small = type(part) not in (int, float, complex) or abs(part) < _LARGEST_KEY
        if type(part) not in (*ATOMS, *others) or not is_small:
            raise pickle.UnpicklingError("holds a key that no table has")


def _expect(condition: bool, what: str) -> None:
    if not condition:
        raise pickle.UnpicklingError(f"holds {what}")


class _Type:
    """A NumPy type that has been checked, or one of pandas with its categories."""

    def __init__(self, dtype: np.dtype | None, categories: Any = None):
        self.dtype, self.categories = dtype, categories


def _plain(kind: type, *types: type) -> Builder:
    """A builder for a class of the standard library that takes arguments of these types only."""

    def build(args: Any, state: Any, size: int) -> Any:
        _expect(state is None and all(isinstance(arg, types) for arg in args), kind.__name__)
        return kind(*args)

    return build


def _set_of(kind: type) -> Builder:
    """A builder for a kind of set."""

    def build(args: Any, state: Any, size: int) -> Any:
        entries = args[0] if args else ()
        _expect(state is None and isinstance(entries, list | tuple), "an odd set")
        for entry in entries:
            check_key(entry)
        return kind(entries)

    return build


def _encode(args: Any, state: Any, size: int) -> bytes:
    """Bytes as protocols 0 to 2 hold them."""
    _expect(len(args) == 2 and isinstance(args[0], str) and args[1] == "latin1", "an encoding")
    return args[0].encode("latin1")


def _dtype(args: Any, state: Any, size: int) -> _Type:
    text, order = args[0], ""
    _expect(isinstance(text, str) and bool(_DTYPE.fullmatch(text)), "a type that is no plain one")
    if state is not None:
        version, order, subtype, names, fields, width, alignment, flags = state[:8]
        plain = np.dtype(text)
        _expect(
            version in _DTYPE_VERSIONS
            and order in ("<", ">", "|", "=")
            and (subtype, names, fields) == (None, None, None)
            and width in (-1, plain.itemsize)
            and alignment in (-1, plain.alignment)
            and flags == plain.flags,
            "a type that says what it is not",
        )
        if len(state) > 8 and state[8] is not None:  # of dates and times: ({}, (unit, 1, 1, 1))
            unit = state[8][1][0]
            unit = unit.decode() if isinstance(unit, bytes) else unit
            _expect(text in ("M8", "m8") and list(state[8][1][1:]) == [1, 1, 1], "an odd date")
            text = f"{text}[{unit}]"
            _expect(bool(_DTYPE.fullmatch(text)), "a date in an odd unit")
    dtype = np.dtype(text)
    return _Type(dtype.newbyteorder(order) if order in ("<", ">") else dtype)


def _shaped(data: Any, dtype: Any, shape: Any, is_fortran: bool, size: int) -> np.ndarray:
    """An array of checked shape, whose numbers are all there."""
    _expect(isinstance(dtype, _Type) and dtype.dtype is not None, "an array of no type")
    dtype = dtype.dtype
    _expect(
        isinstance(shape, tuple)
        and len(shape) <= _MOST_DIMENSIONS
        and all(type(n) is int and 0 <= n <= size for n in shape)
        and math.prod(shape) <= size,
        "an array that is larger than its file",
    )
    n = math.prod(shape)
    if dtype.hasobject:
        _expect(isinstance(data, list) and len(data) == n, "an array without all its objects")
        array = np.empty(n, object)
        for place, entry in enumerate(data):
            array[place] = entry
        return array.reshape(shape)  # NumPy writes objects in C order, whatever their array has
    _expect(
        isinstance(data, bytes | bytearray) and len(data) == n * dtype.itemsize,
        "an array without all its numbers",
    )
    array = np.frombuffer(data, dtype) if n * dtype.itemsize else np.zeros(n, dtype)
    return array.reshape(shape, order="F" if is_fortran else "C")


def _reconstruct(args: Any, state: Any, size: int) -> np.ndarray:
    _expect(isinstance(state, tuple) and len(state) == 5, "an array without a state")
    _, shape, dtype, is_fortran, data = state
    return _shaped(data, dtype, shape, bool(is_fortran), size)


def _from_buffer(args: Any, state: Any, size: int) -> np.ndarray:
    data, dtype, shape, order = args
    _expect(state is None, "an array with a state")
    return _shaped(data, dtype, shape, order == "F", size)


def _scalar(args: Any, state: Any, size: int) -> Any:
    _expect(len(args) == 2 and isinstance(args[1], bytes), "a number without its bytes")
    return _shaped(args[1], args[0], (1,), False, size)[0]


def _pandas_type(args: Any, state: Any, size: int) -> _Type:
    categories = state.get("categories") if isinstance(state, dict) else None
    return _Type(None, categories)


def _array_backed(args: Any, state: Any, size: int) -> np.ndarray:
    """A column of strings, dates, durations or categories, around an array of NumPy."""
    name = args[0].name
    state = args[2] if state is None else state
    arrays = [part for part in state if isinstance(part, np.ndarray)]
    _expect(len(arrays) == 1, "a column without values")
    if name == "Categorical":
        types = [part for part in state if isinstance(part, _Type)]
        _expect(len(types) == 1 and types[0].categories is not None, "categories without names")
        return _categories(arrays[0], types[0].categories)
    kinds = {"StringArray": "O", "DatetimeArray": "M", "TimedeltaArray": "m"}
    kinds |= {"ArrowStringArray": "O", "NumpyStringArray": "O"}
    _expect(arrays[0].dtype.kind in (kinds[name], "i"), f"a {name} of something else")
    return arrays[0]


def _categorical(args: Any, state: Any, size: int) -> np.ndarray:
    """Categories of pandas 1."""
    codes, dtype = state["_codes"], state["_dtype"]
    return _categories(codes, dtype.categories)


def _categories(codes: Any, categories: Any) -> np.ndarray:
    _expect(isinstance(codes, np.ndarray) and codes.dtype.kind == "i", "categories without codes")
    names = np.array([*_labels(categories), None], dtype=object)  # -1 is none
    _expect(
        not codes.size or bool(codes.min() >= -1 and codes.max() < len(names) - 1),
        "a category that there is not",
    )
    return names[codes]


def _masked(args: Any, state: Any, size: int) -> np.ndarray:
    """Numbers of which some are missing."""
    data, mask = state["_data"], state["_mask"]
    _expect(
        isinstance(data, np.ndarray) and isinstance(mask, np.ndarray) and data.shape == mask.shape,
        "numbers without their mask",
    )
    values = data.astype(object)
    values[mask.astype(bool)] = pd.NA
    return values


def _arrow_type(args: Any, state: Any, size: int) -> pyarrow.DataType:
    _expect(args and args[0] in ("string", "large_string"), "an Arrow array that is no text")
    return pyarrow.string() if args[0] == "string" else pyarrow.large_string()


def _arrow_array(args: Any, state: Any, size: int) -> pyarrow.Array:
    kind, length, _, offset, buffers, *rest = args[0]
    _expect(isinstance(kind, pyarrow.DataType) and len(buffers) == 3, "an odd Arrow array")
    _expect(
        all(type(n) is int and 0 <= n <= 8 * size for n in (length, offset))
        and not any(rest)
        and all(isinstance(part, bytes | bytearray | None) for part in buffers),
        "an Arrow array that is larger than its file",
    )
    memory = [None if part is None else pyarrow.py_buffer(bytes(part)) for part in buffers]
    array = pyarrow.Array.from_buffers(kind, length, memory, offset=offset)
    array.validate(full=True)  # the offsets stay within the buffer
    return array


def _arrow_chunks(args: Any, state: Any, size: int) -> pyarrow.ChunkedArray:
    _expect(all(isinstance(part, pyarrow.Array) for part in args[0]), "odd chunks of Arrow")
    return pyarrow.chunked_array(args[0], type=pyarrow.large_string() if not args[0] else None)


def _arrow_strings(args: Any, state: Any, size: int) -> np.ndarray:
    """A column of strings in Arrow's memory."""
    if isinstance(state, tuple):  # (attributes, slots)
        state = {**(state[0] or {}), **(state[1] or {})}
    array = state.get("_pa_array", state.get("_data"))
    _expect(isinstance(array, pyarrow.Array | pyarrow.ChunkedArray), "strings without an array")
    return np.array([*array.to_pylist(), None], dtype=object)[:-1]


class Labels(list):
    """The labels of an index."""


def _index(args: Any, state: Any, size: int) -> Labels:
    kind, content = args[0].name, args[1]
    if kind == "RangeIndex":
        numbers = range(*(int(content[key] or 0) for key in ("start", "stop", "step")))
        _expect(len(numbers) <= size, "an index that is larger than its file")
        return Labels(numbers)
    if kind == "MultiIndex":
        levels, codes = content["levels"], content["codes"]
        columns = [
            _categories(np.asarray(c), level) for c, level in zip(codes, levels, strict=True)
        ]
        return Labels(zip(*columns, strict=True))
    return Labels(_labels(content["data"]))


def _labels(content: Any) -> list:
    """The labels of an index that is given as one, as an array or as a list."""
    _expect(isinstance(content, np.ndarray | list), "an index without labels")
    return content.tolist() if isinstance(content, np.ndarray) else content


class _Block:
    """Columns of one type: `values` are (columns, rows), or (rows) for a single column."""

    def __init__(self, values: Any, places: Any):
        _expect(isinstance(values, np.ndarray) and values.ndim in (1, 2), "columns without values")
        self.values = values
        self.places = places


def _block(args: Any, state: Any, size: int) -> _Block:
    values, places = args[:2]
    if isinstance(places, slice):
        numbers = (places.start or 0, places.stop, places.step or 1)
        _expect(all(type(n) is int and abs(n) <= size for n in numbers), "too many columns")
        places = range(*numbers)
    elif isinstance(places, np.ndarray):
        places = places.tolist()
    return _Block(values, places)


def _manager(args: Any, state: Any, size: int) -> tuple[list[_Block], list[Labels]]:
    """Blocks and labels of a table: pandas 2 gives them as arguments, pandas 1 as a state."""
    if state is not None:
        content = state[3]["0.14.1"]
        blocks = [
            _block([part["values"], part["mgr_locs"]], None, size) for part in content["blocks"]
        ]
        return blocks, content["axes"]
    blocks, axes = args[:2]
    if isinstance(blocks, _Block):  # of a Series
        return [blocks], [axes]
    return list(blocks), list(axes)


def _frame(args: Any, state: Any, size: int) -> pd.DataFrame:
    blocks, (labels, *_) = state.get("_mgr", state.get("_data"))
    _expect(isinstance(labels, Labels), "a table without names of columns")
    columns: dict[int, np.ndarray] = {}
    for block in blocks:
        rows = block.values if block.values.ndim == 2 else block.values[None]
        _expect(len(rows) == len(block.places), "columns without places")
        columns |= dict(zip(block.places, rows, strict=True))
    _expect(sorted(columns) == list(range(len(labels))), "a table without all its columns")
    _expect(len({len(values) for values in columns.values()}) <= 1, "columns of unequal lengths")
    # With their types, from which pandas would infer others.
    frame = pd.DataFrame(
        {
            place: pd.Series(columns[place], dtype=columns[place].dtype)
            for place in range(len(labels))
        }
    )
    frame.columns = pd.Index(list(labels), dtype=object)
    return frame


def _series(args: Any, state: Any, size: int) -> pd.Series:
    blocks, (labels, *_) = state.get("_mgr", state.get("_data"))
    values = blocks[0].values.reshape(-1)
    _expect(len(labels) == len(values), "a column with another number of labels")
    return pd.Series(values, index=pd.Index(list(labels), dtype=object), dtype=values.dtype)


def _made_by_copyreg(args: Any, state: Any, size: int) -> Any:
    """What protocols 0 and 1 write of a new object without arguments."""
    kind, base, nothing = args
    _expect(isinstance(kind, Name) and nothing is None, "an odd object")
    return BUILDERS[kind.name]([], state, size)


def _timestamp(args: Any, state: Any, size: int) -> Any:
    unit: Any = _UNITS.get(args[3], "ns") if len(args) > 3 else "ns"
    return pd.Timestamp(np.datetime64(int(args[0]), unit))


def _timedelta(args: Any, state: Any, size: int) -> Any:
    unit: Any = _UNITS.get(args[1], "ns")
    return pd.Timedelta(np.timedelta64(int(args[0]), unit))


_TYPES = (
    "StringDtype BooleanDtype Int8Dtype Int16Dtype Int32Dtype Int64Dtype UInt8Dtype UInt16Dtype"
    " UInt32Dtype UInt64Dtype Float32Dtype Float64Dtype CategoricalDtype DatetimeTZDtype"
)
# Frequencies of a row index, which is not kept.
_OFFSETS = (
    "Day Hour Minute Second Milli Micro Nano Week MonthEnd MonthBegin BusinessDay BusinessMonthEnd"
    " BusinessMonthBegin QuarterEnd QuarterBegin YearEnd YearBegin BusinessHour"
)
BUILDERS: dict[str, Builder] = {
    "slice": _plain(slice, int, type(None)),
    "set": _set_of(set),
    "frozenset": _set_of(frozenset),
    "bytearray": _plain(bytearray, bytes),
    "bytes": _plain(bytes, bytes),
    "complex": _plain(complex, float),
    "date": _plain(datetime.date, bytes, int),
    "datetime": _plain(datetime.datetime, bytes, int, datetime.tzinfo, type(None)),
    "time": _plain(datetime.time, bytes, int, datetime.tzinfo, type(None)),
    "timedelta": _plain(datetime.timedelta, int),
    "timezone": _plain(datetime.timezone, datetime.timedelta),
    **dict.fromkeys(("_UTC", "_p", "ZoneInfo._unpickle"), lambda args, state, size: None),  # zones
    **dict.fromkeys(_OFFSETS.split(), lambda args, state, size: None),
    "Decimal": _plain(decimal.Decimal, str),
    "encode": _encode,
    "_reconstructor": _made_by_copyreg,
    "dtype": _dtype,
    "_reconstruct": _reconstruct,
    "_frombuffer": _from_buffer,
    "scalar": _scalar,
    **dict.fromkeys(_TYPES.split(), _pandas_type),
    "__pyx_unpickle_NDArrayBacked": _array_backed,
    "StringArray": lambda args, state, size: state["_ndarray"],
    "DatetimeArray": lambda args, state, size: state["_data"],
    "TimedeltaArray": lambda args, state, size: state["_data"],
    "Categorical": _categorical,
    **dict.fromkeys(("IntegerArray", "FloatingArray", "BooleanArray"), _masked),
    "ArrowStringArray": _arrow_strings,
    "ArrowStringArrayNumpySemantics": _arrow_strings,
    "type_for_alias": _arrow_type,
    "py_buffer": lambda args, state, size: args[0],
    "_restore_array": _arrow_array,
    "chunked_array": _arrow_chunks,
    **dict.fromkeys(("_new_Index", "_new_DatetimeIndex", "_new_TimedeltaIndex"), _index),
    **dict.fromkeys(("_unpickle_block", "new_block"), _block),
    "BlockPlacement": lambda args, state, size: args[0],
    **dict.fromkeys(("BlockManager", "SingleBlockManager"), _manager),
    "DataFrame": _frame,
    "Series": _series,
    "_unpickle_timestamp": _timestamp,
    "_timedelta_unpickle": _timedelta,
    "_nat_unpickle": lambda args, state, size: pd.NaT,
}

# The classes and functions in pickles of DataFrames of pandas 1 to 3, besides plain containers.
ADMITTED = {
    module: set(names.split())
    for module, names in {
        "builtins": "slice set frozenset bytearray bytes complex object getattr",
        "collections": "OrderedDict",
        "datetime": "date datetime time timedelta timezone",
        "pytz": "_UTC _p",
        "zoneinfo": "ZoneInfo ZoneInfo._unpickle",
        "_codecs": "encode",
        "copyreg": "_reconstructor",
        "numpy": "ndarray dtype",
        "numpy._core.multiarray": "_reconstruct scalar",
        "numpy.core.multiarray": "_reconstruct scalar",
        "numpy._core.numeric": "_frombuffer",
        "numpy.core.numeric": "_frombuffer",
        "pandas": "DataFrame Series Index RangeIndex MultiIndex CategoricalIndex DatetimeIndex"
        f" TimedeltaIndex NA Categorical {_TYPES}",
        "pandas.arrays": "ArrowStringArray StringArray Categorical DatetimeArray TimedeltaArray"
        " BooleanArray IntegerArray FloatingArray",
        "pandas.core.frame": "DataFrame",
        "pandas.core.series": "Series",
        "pandas.core.internals.managers": "BlockManager SingleBlockManager",
        "pandas.core.internals.blocks": "new_block",
        "pandas.core.indexes.base": "Index _new_Index",
        "pandas.core.indexes.range": "RangeIndex",
        "pandas.core.indexes.multi": "MultiIndex",
        "pandas.core.indexes.category": "CategoricalIndex",
        "pandas.core.indexes.numeric": "Int64Index Float64Index UInt64Index",
        "pandas.core.indexes.datetimes": "DatetimeIndex _new_DatetimeIndex",
        "pandas.core.indexes.timedeltas": "TimedeltaIndex _new_TimedeltaIndex",
        "pandas.core.arrays.string_": "StringDtype StringArray",
        "pandas.core.arrays.string_arrow": "ArrowStringArray ArrowStringArrayNumpySemantics",
        "pandas.core.arrays.categorical": "Categorical",
        "pandas.core.arrays.datetimes": "DatetimeArray",
        "pandas.core.arrays.timedeltas": "TimedeltaArray",
        "pandas.core.arrays.integer": f"IntegerArray {_TYPES}",
        "pandas.core.arrays.floating": f"FloatingArray {_TYPES}",
        "pandas.core.arrays.boolean": "BooleanArray BooleanDtype",
        "pandas.core.dtypes.dtypes": "CategoricalDtype DatetimeTZDtype",
        "pandas._libs.missing": "NA",
        "pandas._libs.internals": "_unpickle_block BlockPlacement BlockManager",
        "pandas._libs.arrays": "__pyx_unpickle_NDArrayBacked",
        "pandas._libs.tslibs.timestamps": "_unpickle_timestamp",
        "pandas._libs.tslibs.timedeltas": "_timedelta_unpickle",
        "pandas._libs.tslibs.nattype": "_nat_unpickle",
        "pandas._libs.tslibs.offsets": _OFFSETS,
        "decimal": "Decimal",
        "pyarrow.lib": "chunked_array _restore_array type_for_alias py_buffer",
    }.items()
}
