"""Makes MyHDL instantiate and convert blocks several times faster, by sparing it ``inspect``'s work.

MyHDL asks for the whole stack at every block and process, and ``inspect`` reads source lines for each
entry, but MyHDL uses frames and names of the innermost few alone. It also asks for the source of a
function once per instance.
"""

import contextlib
import inspect
import sys

STACK_USED = 6  # entries of a stack that MyHDL looks at


@contextlib.contextmanager
def quick_inspect():
    """Inside it, ``inspect`` gives short stacks without source lines, and remembers sources."""
    names = ("stack", "getouterframes", "getsourcelines", "getsourcefile")
    originals = {name: getattr(inspect, name) for name in names}
    inspect.stack = lambda context=1: _entries(sys._getframe(1))
    inspect.getouterframes = lambda frame, context=1: _entries(frame)
    for name in ("getsourcelines", "getsourcefile"):
        setattr(inspect, name, _remembering(originals[name]))
    try:
        yield
    finally:
        for name, original in originals.items():
            setattr(inspect, name, original)


def _entries(frame):
    """The innermost entries of the stack from ``frame`` outwards, without source lines."""
    entries = []
    while frame is not None and len(entries) < STACK_USED:
        code = frame.f_code
        entries.append(
            inspect.FrameInfo(frame, code.co_filename, frame.f_lineno, code.co_name, None, None)
        )
        frame = frame.f_back
    return entries


def _remembering(original):
    """``original`` with a memory by code object; anything without one is passed on."""
    memory = {}

    def remembered(thing):
        code = getattr(thing, "__code__", None)
        if code is None or hasattr(thing, "__wrapped__"):
            return original(thing)
        if code not in memory:
            memory[code] = original(thing)
        return memory[code]

    return remembered
