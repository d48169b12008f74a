"""``volley export``: a model file as NIR or as a PyTorch module.

volley export mnist.safetensors -o mnist.nir
"""

from __future__ import annotations

from pathlib import Path

from volley.firmware import pipe

KINDS = {
    ".nir": "NIR, for other libraries",
    ".pt2": "the twin for torch.export.load",
    ".py": "the twin as a Python file",
}


def main(arguments=None) -> int:
    """The command line; returns the exit code."""
    parser = pipe.Parser(
        prog="volley export",
        description="Writes a model file as a network for other tools. The end of OUTPUT's name "
        "chooses: " + "; ".join(f"{end}, {what}" for end, what in KINDS.items()) + ".",
        epilog="Example: volley export mnist.safetensors -o mnist.nir",
    )
    parser.add_argument("model", metavar="MODEL", help="model file (.safetensors)")
    parser.add_argument("-o", "--output", required=True, metavar="OUTPUT", help="file to write")
    options = parser.parse_args(arguments)
    kind = Path(options.output).suffix
    try:
        if kind not in KINDS:
            raise ValueError(f"--output: found {options.output!r}; allowed: a name that ends in "
                             + ", ".join(KINDS))  # fmt: skip
        from volley.firmware.modelfile import load

        model = load(options.model)
        if kind == ".nir":
            from volley.model.interchange import nir_export, nir_library

            nir_library.write(nir_export.to_nir(model), options.output)
        else:
            from volley.model.interchange import twin

            (twin.save_program if kind == ".pt2" else twin.save_source)(model, options.output)
    except (ValueError, OSError) as error:
        return pipe.fail("error", error)
    print(f"wrote {options.output}: {KINDS[kind]}")
    return 0
