"""Load pickles of tables without running, or believing, what a pickle may contain.

1. The pickle is read into plain containers and inert notes of what it asks to be called. Nothing is
   imported or called: a `Name` stands for a class or function, a `_Call` for what it would make.
2. Arrays, columns and tables are built anew from the notes, after everything they say of types,
   shapes and offsets has been checked against the data that is there.

A pickle can name any callable of any module, and even the admitted ones of NumPy, pandas and Arrow
trust the states that they are given: they read memory that is not theirs, or ask for all of it.
"""

import _compat_pickle
import io
import pickle
from collections import OrderedDict
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from jobgen.common.errors import InputError
from jobgen.data.pickle_builders import ADMITTED, ATOMS, BUILDERS, Labels, Name, check_key

# Python's own unpickler in Python, whose steps can be replaced one by one.
_Unpickler: Any = vars(pickle)["_Unpickler"]
_DEEPEST = 200  # levels of nested containers
# Parts for each byte of a file, beside those that any file may have: a table may refer to the same
# list or dictionary in many rows, in few bytes each.
_PARTS_PER_BYTE, _PARTS = 8, 100_000
_COUNTED = (Labels, pa.Array, pa.ChunkedArray)


def load_pickle(path: str) -> Any:
    """Load a pickle of DataFrames and plain containers.

    Of the index of a DataFrame only the number of rows is kept, and of dates no time zone.

    Raises:
        InputError: the pickle holds anything else, which is named but not run, or is incomplete.
    """
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}") from None
    try:
        return _Builder(len(content)).build(_Reader(content).load())
    except pickle.UnpicklingError as error:
        raise InputError(
            path, f"refused: {error}; only DataFrames and plain containers are loaded"
        ) from None
    except Exception as error:  # a corrupt pickle can fail in any way
        raise InputError(
            path, f"no complete pickle ({type(error).__name__}: {str(error)[:200]})"
        ) from None


class _Call:
    """What the pickle asks to be made of a class or function.

    Attributes:
        of: the class or function.
        args: its arguments.
        state: what the new object's `__setstate__` would be given; None without.
        items: what would be set in it as in a dictionary.
    """

    def __init__(self, of: Name, args: tuple):
        self.of, self.args = of, args
        self.state: Any = None
        self.items: list[tuple[Any, Any]] = []

    def __setstate__(self, state: Any) -> None:
        if self.state is not None:
            raise pickle.UnpicklingError("holds an object that changes its state")
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        self.items.append((key, value))


class _Reader(_Unpickler):
    """Reads a pickle into containers, names and calls."""

    dispatch = dict(_Unpickler.dispatch)

    def __init__(self, content: bytes):
        super().__init__(io.BytesIO(content))
        self.size = len(content)

    def find_class(self, module: str, name: str) -> Name:
        if self.proto < 3:  # names of Python 2
            module, name = _compat_pickle.NAME_MAPPING.get((module, name), (module, name))
            module = _compat_pickle.IMPORT_MAPPING.get(module, module)
        if name not in ADMITTED.get(module, ()):
            raise pickle.UnpicklingError(f"holds {module[:100]}.{name[:100]}")
        return Name(module, name)

    def load_newobj(self) -> None:
        args = self.stack.pop()
        self.stack[-1] = _call_of(self.stack[-1], args)

    def load_newobj_ex(self) -> None:
        raise pickle.UnpicklingError("holds an object that is made by keywords")

    def load_reduce(self) -> None:
        args = self.stack.pop()
        self.stack[-1] = _call_of(self.stack[-1], args)

    def load_build(self) -> None:
        state = self.stack.pop()
        if not isinstance(self.stack[-1], _Call):
            raise pickle.UnpicklingError("holds a state of something that has none")
        self.stack[-1].__setstate__(state)

    def load_bytearray8(self) -> None:
        # Python's reserves the memory before it looks for the bytes.
        length = int.from_bytes(self.read(8), "little")
        if length > self.size:
            raise pickle.UnpicklingError("holds fewer bytes than it says")
        self.append(bytearray(self.read(length)))

    # Keys are hashed while they are read, which takes forever, or crashes, for some.

    def load_setitem(self) -> None:
        check_key(self.stack[-2], Name, _Call)
        super().load_setitem()

    def load_setitems(self) -> None:
        for key in self.stack[::2]:
            check_key(key, Name, _Call)
        super().load_setitems()

    def load_dict(self) -> None:
        for key in self.stack[::2]:
            check_key(key, Name, _Call)
        super().load_dict()

    def load_additems(self) -> None:
        for key in self.stack:
            check_key(key, Name, _Call)
        super().load_additems()

    def load_frozenset(self) -> None:
        for key in self.stack:
            check_key(key, Name, _Call)
        super().load_frozenset()

    dispatch[pickle.SETITEM[0]] = load_setitem
    dispatch[pickle.SETITEMS[0]] = load_setitems
    dispatch[pickle.DICT[0]] = load_dict
    dispatch[pickle.ADDITEMS[0]] = load_additems
    dispatch[pickle.FROZENSET[0]] = load_frozenset
    dispatch[pickle.NEWOBJ[0]] = load_newobj
    dispatch[pickle.NEWOBJ_EX[0]] = load_newobj_ex
    dispatch[pickle.REDUCE[0]] = load_reduce
    dispatch[pickle.BUILD[0]] = load_build
    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8


def _call_of(of: Any, args: Any) -> _Call:
    if isinstance(of, _Call) and of.of.name == "getattr":  # how Python 3.11 writes a time zone
        zone, attribute = of.args
        if isinstance(zone, Name) and (zone.name, attribute) == ("ZoneInfo", "_unpickle"):
            of = Name("zoneinfo", "ZoneInfo._unpickle")
    if not isinstance(of, Name) or not isinstance(args, tuple):
        raise pickle.UnpicklingError("calls what is no class or function")
    return _Call(of, args)


class _Builder:
    """Builds what a pickle describes.

    Args:
        size: the pickle's number of bytes, which bounds whatever it holds.
    """

    def __init__(self, size: int):
        self.size = size
        self.built: dict[int, tuple[Any, int]] = {}  # id of a part -> what it became, its size
        self.parts: list[Any] = []  # keeps the ids from being used again
        self.open: set[int] = set()

    def build(self, part: Any) -> Any:
        """Build a part of the pickle and all that it holds."""
        return self._build(part, 0)[0]

    def _build(self, part: Any, depth: int) -> tuple[Any, int]:
        """What a part became, and how many parts it has if those that are shared count each time.

        The latter is bounded by the size of the file, so that nothing small becomes large. Arrays
        and indexes count as many parts as they have entries.
        """
        if type(part) in ATOMS:
            return part, 1
        if id(part) in self.built:
            return self.built[id(part)]
        if id(part) in self.open:
            raise pickle.UnpicklingError("holds something that contains itself")
        if depth > _DEEPEST:
            raise pickle.UnpicklingError("is nested too deeply")
        self.open.add(id(part))
        self.parts.append(part)
        whole, count = self._whole(part, depth + 1)
        self.open.remove(id(part))
        self.built[id(part)] = whole, count
        return whole, count

    def _whole(self, part: Any, depth: int) -> tuple[Any, int]:
        kind, count = type(part), 1

        def built(inner: Any) -> Any:
            nonlocal count
            if type(inner) in ATOMS:
                count += 1
                return inner
            whole, parts = self._build(inner, depth)
            count += parts
            if count > _PARTS_PER_BYTE * self.size + _PARTS:
                raise pickle.UnpicklingError("repeats its parts more often than a table does")
            return whole

        if kind in (list, tuple, set, frozenset):
            return kind([built(inner) for inner in part]), count
        if kind is dict:
            return {built(key): built(value) for key, value in part.items()}, count
        if kind is Name and part.name == "NA":
            return pd.NA, 1
        if kind is Name:
            raise pickle.UnpicklingError(f"holds {part.module}.{part.name}")
        if kind is not _Call:
            raise pickle.UnpicklingError(f"holds a {kind.__name__}")
        # Builders are told which class to make.
        args: list[Any] = [inner if type(inner) is Name else built(inner) for inner in part.args]
        state = built(part.state)
        items = [(built(key), built(value)) for key, value in part.items]
        name = part.of.name
        if name == "OrderedDict":
            pairs = [*(args[0] if args else ()), *items]
            for key, _ in pairs:
                check_key(key)
            return OrderedDict(pairs), count
        if items or name not in BUILDERS:
            raise pickle.UnpicklingError(f"holds a {name}")
        whole = BUILDERS[name](args, state, self.size)
        entries = whole.size if isinstance(whole, np.ndarray) else 0
        return whole, count + (len(whole) if isinstance(whole, _COUNTED) else entries)
