"""Faults between host and board, seeded, and how each session ended: right, with a clear error, or wrong.

    python bench/soak.py [--frames 100000] [--board 12] [--seed 1] [--write docs/reliability.md]

The bulk is on a board in Python that executes frames at once, the rest on the simulated board behind a
man in the middle of its port. Exit code 1 if any session was wrong, or a kind of fault never struck.
"""

import re
import sys
from pathlib import Path

import page
from tqdm import tqdm

from tests.support import soak
from volley.firmware.files import write_whole

RATES = (1e-5, 1e-4, 1e-3, 3e-3, 1e-2)
BOARD_RATES = (1e-4, 1e-3, 3e-3)
KILL_STEP = 11  # bytes between two places where a host is killed
BEGIN, END = "<!-- bench/soak.py -->", "<!-- end of bench/soak.py -->"


def kinds(options):
    """(units of the progress bar, function of ``progress`` that gives a Tally) of each row."""
    share, seed = -(-options.frames // len(RATES)), options.seed
    found = [
        (share, lambda progress, rate=rate: soak.noisy_sessions(seed, rate, share, progress))
        for rate in RATES
    ]
    resets, kills = soak.reset_points(), soak.kill_points(KILL_STEP)
    found.append((len(resets), lambda progress: soak.reset_sessions(resets, progress)))
    found.append((len(kills), lambda progress: soak.killed_sessions(kills, progress)))
    if options.board:
        from tests.support import soak_board

        count, each = options.board, -(-options.board // len(BOARD_RATES))
        found += [
            (each * len(BOARD_RATES),
             lambda progress: soak_board.noisy_sessions(seed, BOARD_RATES, each, progress)),
            (count, lambda progress: soak_board.exchanged_boards(seed, count, progress)),
            (count, lambda progress: soak_board.killed_hosts(seed, count, progress)),
        ]  # fmt: skip
    return found


def write(path, lines):
    """Puts the table between the markers of a page."""
    old = Path(path).read_text()
    if BEGIN not in old or END not in old:
        raise ValueError(f"{path}: the lines {BEGIN} and {END} are wanted around the table")
    pattern = re.escape(BEGIN) + ".*?" + re.escape(END)
    text = "\n".join([BEGIN, *lines, END])
    write_whole(path, re.sub(pattern, lambda _: text, old, count=1, flags=re.S))


def main(arguments=None):
    """The command line; returns the exit code."""
    parser = page.parser("soak.py", __doc__, page=True)
    parser.add_argument("--frames", type=int, default=100_000, help="of noise, all rates together")
    parser.add_argument(
        "--board", type=int, default=12, help="cases of a kind on the simulated board"
    )
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    if options.frames < 1 or options.board < 0:
        return page.failed("soak.py", "--frames is 1 or more, --board 0 or more")
    tallies = []
    for total, work in kinds(options):
        with tqdm(
            total=total, desc=f"soak, row {len(tallies) + 1}", leave=False, disable=None
        ) as bar:
            tallies.append(work(bar.update))
    rows = [
        [tally.name, sum(tally.cases.values()), tally.frames,
         *(tally.cases[ended] for ended in (soak.RIGHT, soak.ERROR, soak.WRONG))]
        for tally in tallies
    ]  # fmt: skip
    rows.append(["all", *(sum(row[k] for row in rows) for k in range(1, 6))])
    heads = ["fault", "sessions", "frames", soak.RIGHT, soak.ERROR, soak.WRONG]
    command = f"--frames {options.frames} --board {options.board} --seed {options.seed}"
    lines = [f"`python bench/soak.py {command}`\n", *page.table(heads, rows)]
    print("\n".join(lines))
    wrongs = [text for tally in tallies for text in tally.wrongs]
    for text in wrongs:
        print(text, file=sys.stderr)
    if options.write:
        try:
            write(options.write, lines)
        except (OSError, ValueError) as error:
            return page.failed("soak.py", error)
    return 1 if wrongs else 0


if __name__ == "__main__":
    sys.exit(main())
