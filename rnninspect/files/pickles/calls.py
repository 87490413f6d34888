"""Which of the functions that a pickle names or calls run things; nothing is run here, it is only told."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from rnninspect.errors import listed, printable
from rnninspect.files.pickles.bytes import mentions
from rnninspect.files.pickles.inside import WHOLE, pickles_inside
from rnninspect.files.pickles.machine import Pickled, TooMuchWork, read_pickle
from rnninspect.files.pickles.records import Global
from rnninspect.files.pickles.state import LOADER
from rnninspect.files.source import Source

# Modules that no checkpoint has business with: to name one of them is enough. By their first part.
_MODULES = """os posix nt posixpath ntpath subprocess _posixsubprocess pty socket ctypes _ctypes cffi importlib imp
    runpy code codeop pdb bdb commands webbrowser shutil signal multiprocessing pickle _pickle cPickle marshal zipimport
    pkgutil pip timeit cProfile profile trace asyncio urllib http ftplib smtplib tempfile sys gc builtins __builtin__
    io _io platform site sysconfig venv ensurepip distutils setuptools doctest unittest sqlite3 readline"""
# What of these is harmless all the same. why builtins: a set and the like are written as calls of their class.
_HARMLESS_BUILTINS = """set frozenset list dict tuple int float bool complex bytes bytearray str unicode long slice
    range xrange object type property staticmethod classmethod Ellipsis NotImplemented NoneType reversed enumerate
    zip len min max sum abs round print Exception ValueError TypeError KeyError RuntimeError"""
_HARMLESS_OTHERS = """posixpath.join io.BytesIO _io.BytesIO io.StringIO signal.Signals sys.version_info
    multiprocessing.context.AuthenticationString"""
# Modules of the standard library whose classes and functions hold or make a value and do no more.
_HOLDERS = """collections _collections datetime _datetime decimal _decimal fractions pathlib argparse uuid enum re
    copyreg copy_reg copy _codecs functools logging random threading _thread string numbers typing dataclasses abc
    queue _queue weakref _weakref array ipaddress time zoneinfo math statistics inspect contextlib itertools hashlib
    heapq bisect operator _operator types graphlib textwrap json configparser"""
_NOT_HOLDING = """operator.attrgetter operator.methodcaller _operator.attrgetter _operator.methodcaller
    types.FunctionType types.CodeType types.LambdaType types.MethodType"""
# Functions, and classes with names like functions, of torch and numpy that only make a value.
_MAKERS = """device dtype layout tensor ndarray scalar matrix memmap recarray record void chararray finfo iinfo poly1d
    vectorize nditer generic build_intlist build_doublelist build_boollist build_tensorlist restore_type_tag"""
# Names that run what they are given, whichever package has them.
_RUNNING = """system popen Popen eval exec execfile execWrapper runstring run_code run_path __import__ import_module
    reduce_graph_module spawn check_output check_call getoutput _import_module _load_from_bytes"""

# Every function that makes a tensor of torch, numpy or jax has one of these in its name.
_TENSOR_MAKERS = (b"_rebuild", b"_reconstruct", b"_frombuffer", b"reconstruct_device_array", b"Parameter")
# So many operations of a pickle without tensors are run, to see what it calls.
_MOST_STEPS_WITHOUT = 1_000_000

_RISKY = frozenset(_MODULES.split())
_SAFE = frozenset(
    [f"{module}.{name}" for module in ("builtins", "__builtin__") for name in _HARMLESS_BUILTINS.split()]
    + _HARMLESS_OTHERS.split()
)
_SYSTEM = frozenset({"os", "posix", "nt", "subprocess", "sys", "builtins", "importlib"})
_HOLDING = frozenset(_HOLDERS.split())
_OF_ARRAYS = ("torch", "numpy")
_MAKING = frozenset(_MAKERS.split())
_RISKY_NAMES = frozenset(_NOT_HOLDING.split())
_RISKY_ANYWHERE = frozenset(_RUNNING.split())


def warnings_of(pickled: Pickled, where: str) -> tuple[str, ...]:
    """What a reader should be told of what a pickle calls: `data.pkl calls posix.system; nothing was run`."""
    every = [pickled, *_inside(pickled)]
    called = [each for one in every for each in one.globals if each in one.called and runs_things(each, called=True)]
    silent = frozenset().union(*(one.called | one.lookups for one in every))
    named = [each for one in every for each in one.globals if each not in silent and runs_things(each, called=False)]
    return tuple(
        f"{where} {verb} {listed([printable(str(each)[:100]) for each in dict.fromkeys(these)], 3)}; nothing was run"
        for verb, these in (("calls", called), ("names", named))
        if these
    )


def _inside(pickled: Pickled) -> Iterator[Pickled]:
    """The pickles in a pickle. What they are read by is a call to be told of where they are no mere storage."""
    for arguments in pickled.loaded:
        inside = pickles_inside(arguments)
        yield from inside
        if len(inside) < WHOLE or any(each.loaded for each in inside):
            loader = Global("torch.storage", LOADER)
            yield Pickled(value=None, globals=(loader,), called=frozenset([loader]), end=0)


def runs_things(each: Global, *, called: bool) -> bool:
    """Whether to call it can run a program or other code, or change anything outside."""
    full, root = str(each), each.module.partition(".")[0]
    if full in _SAFE:
        return False
    # why: since protocol 4 a name may have dots, and lead out of its module: `os.system` of torch.serialization.
    way = each.name.split(".")
    if root in _RISKY or full in _RISKY_NAMES or not _RISKY.isdisjoint(way[:-1]) or way[-1] in _SYSTEM:
        return True
    in_library = root in sys.stdlib_module_names and root not in _HOLDING
    return called and (in_library or way[-1] in _RISKY_ANYWHERE or (root in _OF_ARRAYS and _is_function(way)))


def _is_function(way: list[str]) -> bool:
    """Whether a name of torch's or numpy's is that of a public function, such as `torch.load`; classes make values."""
    last = way[-1]
    is_class = any(part[:1].isupper() for part in way) or last[-1:].isdigit() or last.endswith("_")
    return last[:1].islower() and not is_class and last not in _MAKING


def read_for_tensors(source: Source) -> Pickled:
    """Read a pickle; of one that names nothing which makes a tensor only so much that it can be told what it calls."""
    if mentions(source, _TENSOR_MAKERS):
        return read_pickle(source)
    try:
        return read_pickle(source, most_steps=_MOST_STEPS_WITHOUT)
    except TooMuchWork as error:
        return error.so_far
