"""The campaign: ``make fuzz``, or python -m tests.fuzz [KIND ...] [--count N] [--seed N] [--minutes N].

Each worker process may take LIMIT_BYTES of address space beyond what it has after its imports; a case
may take LIMIT_SECONDS of the processor. A case that ends otherwise than it may is written to
build/fuzz/ with its exception; the exit code is 1 then.
"""

import argparse
import concurrent.futures
import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tqdm import tqdm

from tests.fuzz.kinds import KINDS
from volley.firmware.files import BUILD

LIMIT_BYTES, LIMIT_SECONDS = 1 << 30, 5.0
CHUNK = 50
FOLDER = BUILD / "fuzz"


class TooLongError(BaseException):
    """A case that takes more than LIMIT_SECONDS of the processor."""


def _too_long(number, frame):
    raise TooLongError(f"more than {LIMIT_SECONDS} s")


def start():
    """Prepares a worker: imports are made, limits set."""
    import torch

    torch.set_num_threads(1)
    from tests.fuzz import checkpoints, inputs

    checkpoints.base(), inputs.models(), inputs.programs(), inputs.picture_files()
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    size = pages * resource.getpagesize() + LIMIT_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    signal.signal(signal.SIGPROF, _too_long)
    os.environ["VOLLEY_DATA"] = "/nowhere"


def case(kind, seed, number, folder):
    """Whether one case was taken or refused, its seconds of the processor, and a text if it is a finding."""
    rng = random.Random(f"{kind} {seed} {number}")
    began, found, taken = time.process_time(), None, False
    signal.setitimer(signal.ITIMER_PROF, LIMIT_SECONDS)
    try:
        taken = KINDS[kind][0](rng, folder)
    except KeyboardInterrupt:
        raise
    except BaseException:
        found = traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return taken, time.process_time() - began, found


def chunk(kind, seed, first, count):
    """[(number, taken, seconds, finding)] of some cases, in a folder of their own."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as name:
        folder = Path(name)
        before = os.getcwd()
        os.chdir(folder)
        try:
            return [(n, *case(kind, seed, n, folder)) for n in range(first, first + count)]
        finally:
            os.chdir(before)


def row(kind, cases, taken, findings, slowest):
    """A line of the table."""
    return (
        f"| {kind} | {cases} | {taken} | {cases - taken - findings} | {findings} | {slowest:.2f} |"
    )


def main(arguments=None):
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}; all")
    parser.add_argument("--count", type=int, help="cases of each kind, instead of its own number")
    parser.add_argument("--seed", type=int, default=1, help="(1)")
    parser.add_argument("--minutes", type=float, default=60, help="after which it ends (60)")
    parser.add_argument("--workers", type=int, default=2, help="processes (2)")
    options = parser.parse_args(arguments)
    kinds = options.kinds or list(KINDS)
    end = time.monotonic() + 60 * options.minutes
    print(
        "| input | cases | taken | refused in one line | tracebacks, > 1 GB or > 5 s | slowest, s |"
    )
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    bad = 0
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(options.workers, context, start) as pool:
        for kind in kinds:
            count = options.count or KINDS[kind][1]
            jobs = [
                pool.submit(chunk, kind, options.seed, first, min(CHUNK, count - first))
                for first in range(0, count, CHUNK)
            ]
            cases = taken = findings = 0
            slowest = 0.0
            with tqdm(total=count, desc=kind, unit=" cases", leave=False) as bar:
                for job in jobs:
                    if time.monotonic() > end:
                        job.cancel()
                        continue
                    for number, ok, seconds, found in job.result():
                        cases += 1
                        taken += ok
                        slowest = max(slowest, seconds)
                        if found:
                            findings += 1
                            FOLDER.mkdir(parents=True, exist_ok=True)
                            name = f"{kind.replace(' ', '-')}-{options.seed}-{number}.txt"
                            (FOLDER / name).write_text(found, errors="backslashreplace")
                        bar.update()
            print(row(kind, cases, taken, findings, slowest), flush=True)
            bad += findings + (cases < count)
    if bad:
        print(
            f"findings, or cases that were not reached in time: {bad}; see {FOLDER}",
            file=sys.stderr,
        )
    return 1 if bad else 0
