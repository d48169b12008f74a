"""The compiler's command line: what a model costs on a board, and its program.

python -m firmware.compile MODEL --board NAME [-o PROGRAM]
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":  # as a script: import from the repository's root
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from volley.firmware import boards, isa, modelfile, pipe  # noqa: E402
from volley.firmware.compiler import compare  # noqa: E402
from volley.firmware.compiler.fusion import FUSE  # noqa: E402
from volley.firmware.compiler.program import compile_model  # noqa: E402
from volley.firmware.compiler.report import print_report  # noqa: E402
from volley.firmware.design import parse_settings  # noqa: E402
from volley.firmware.program import Program  # noqa: E402
from volley.firmware.registers import Region, address  # noqa: E402


def listing(program: Program) -> str:
    """The program as text, also where the host streams it."""
    texts = [
        isa.disassemble([int(word) for word in words])
        for start, words in program.sections + program.streamed
        if start == address(Region.PROGRAM)
    ]
    return "\n\n".join(texts)


def main(arguments=None) -> int:
    """The command line; returns the exit code."""
    parser = pipe.Parser(
        prog=pipe.program_name("python -m firmware.compile"),
        description="Compiles a model file to a program and says what it costs.",
        epilog="Example: python -m firmware.compile model/pretrained/mnist.safetensors --board arty",
    )
    parser.add_argument("model", help="model file (.safetensors)")
    parser.add_argument("--board", default="sim", help=f"one of {', '.join(boards.names())}")
    parser.add_argument(
        "--set", default="", action=pipe.Joined, metavar="ci=8,co=4", help="other design parameters"
    )
    parser.add_argument(
        "--fuse", choices=FUSE, default="auto", help="layers whose rows are interleaved"
    )
    parser.add_argument("-o", "--output", help="program to write")
    parser.add_argument("--disassemble", action="store_true", help="print the program")
    options = parser.parse_args(arguments)
    try:
        board = boards.load(options.board, parse_settings(options.set))
        model = modelfile.load(options.model)
        if options.output and Path(options.output).resolve() == Path(options.model).resolve():
            raise ValueError(
                f"-o {options.output} is the model file; give the program another name"
            )
        program = compile_model(model, board.design, fuse=options.fuse, rates=board.rates)
        if options.output:  # before the report, whose reader may leave
            program.save(options.output)
        print_report(program, board.rates)
        print(f"\n{compare.text(compare.compare(model, board))}")
        if options.disassemble:
            print(listing(program))
        if options.output:
            print(f"wrote {options.output}")
    except BrokenPipeError:
        raise
    except (ValueError, OSError) as error:
        return pipe.fail("error", error)
    return 0


if __name__ == "__main__":
    sys.exit(pipe.run(main))
