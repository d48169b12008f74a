"""One thread for small products: more cost them more than they bring."""

from contextlib import nullcontext

try:
    from threadpoolctl import ThreadpoolController
except ImportError:  # optional
    ThreadpoolController = None


def one_thread():
    """A context in which NumPy's products run in one thread, where threadpoolctl is there."""
    if ThreadpoolController is None:
        return nullcontext()
    return ThreadpoolController().limit(limits=1, user_api="blas")
