"""The console command: ``volley infer``, ``volley build`` ..., the same code as the scripts.

volley infer --port sim --limit 10
python -m volley compile mnist.safetensors --board arty
"""

import importlib
import sys

COMMANDS = {
    "infer": ("host.infer", "classify pictures on a board, simulated or real"),
    "train": ("model.train", "train a network and write its model file"),
    "events": ("model.data.events_command", "event frames, simulated or of a camera, as .npy"),
    "import": (
        "model.interchange.command",
        "a network of snnTorch, spikingjelly or NIR as a model file",
    ),
    "export": ("model.interchange.export_command", "a model file as NIR or a PyTorch module"),
    "compile": ("firmware.compile", "what a model costs on a board, and its program"),
    "build": ("fpga.build", "build for a board, or the simulated board"),
    "explore": ("fpga.explore", "find the fastest design of a board that holds a model"),
    "report": ("fpga.report", "what the builds of the boards take and reach"),
}
"""Subcommand: module with ``main(arguments)``, one line of help."""

WRONG_USE = 2


def usage() -> str:
    """The text of ``volley --help``."""
    width = max(map(len, COMMANDS))
    rows = [f"  {name:{width}}  {about}" for name, (_, about) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: volley COMMAND [options]",
            "",
            "Binary-weight spiking networks: trained, compiled and run on an FPGA accelerator.",
            "",
            "commands:",
            *rows,
            "",
            "volley COMMAND --help tells the options. A first run, without a board:",
            "  volley infer --port golden --limit 5    the integer golden model on this CPU",
            "  volley infer --port sim --limit 5       the generated hardware, simulated",
        ]
    )


def main(arguments: list[str] | None = None) -> int:
    """Runs a subcommand; returns its exit code, 2 for one that there is not."""
    from volley.firmware import pipe

    return pipe.run(lambda: _main(arguments))


def _main(arguments):
    """The subcommand named first, with the rest."""
    given = sys.argv[1:] if arguments is None else arguments
    if not given or given[0] in ("-h", "--help", "help"):
        print(usage())
        return 0 if given else WRONG_USE
    if given[0] == "--version":
        from volley import __version__

        print(f"volley {__version__}")
        return 0
    if given[0] not in COMMANDS:
        print(f"volley: no command {given[0]!r}; there are {', '.join(COMMANDS)}", file=sys.stderr)
        return WRONG_USE
    try:
        command = importlib.import_module(f"volley.{COMMANDS[given[0]][0]}")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("volley"):
            raise
        print(
            f"volley {given[0]}: the package {error.name} is missing; install it with: "
            f"python -m pip install {error.name}, or all that training needs with volley's extra "
            "train",
            file=sys.stderr,
        )
        return WRONG_USE
    sys.argv[0] = f"volley {given[0]}"
    return command.main(given[1:])


if __name__ == "__main__":
    sys.exit(main())
