"""Watches a stream of the link: its source keeps the rules of rtl/link/stream.py."""

from myhdl import always


def watch_stream(clk, rst, stream):
    """An instance for ``run_bench``: AssertionError if an item changes before it has passed.

    stream: a ``Stream``; at the first edge its values count as an item's if ``valid`` is set.
    """
    waiting = [None]

    @always(clk.posedge)
    def check_item():
        item = (int(stream.data), bool(stream.last)) if stream.valid else None
        if waiting[0] is not None:
            assert item == waiting[0], f"{item} in place of {waiting[0]}, which has not passed"
        waiting[0] = None if stream.ready or rst else item

    return check_item
