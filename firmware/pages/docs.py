"""Writes the pages of docs/ that follow from the sources: instructions, memory map, link, fusion.

python -m volley.firmware.pages.docs
"""

from __future__ import annotations

import argparse
import inspect

from volley.firmware import frames, isa, registers
from volley.firmware.files import DOCS, write_whole
from volley.firmware.pages import fusion_page

FOLDER = DOCS
NOTE = "<!-- written by `python -m volley.firmware.pages.docs` from the sources; do not edit -->\n"


def field_table(fields) -> str:
    """A table of fields: word, bits, name."""
    rows = ["| word | bits | field |", "| --- | --- | --- |"]
    for name, field in fields.items():
        bits = f"{field.msb - 1}..{field.lsb}" if field.width > 1 else f"{field.lsb}"
        rows.append(f"| {field.word} | {bits} | `{name}` |")
    return "\n".join(rows) + "\n"


def enum_table(enum, title) -> str:
    """A table of an enumeration: number, name."""
    rows = [f"| number | {title} |", "| --- | --- |"]
    rows += [f"| {int(item)} | `{item.name}` |" for item in enum]
    return "\n".join(rows) + "\n"


def described(enum) -> str:
    """Each member of an enumeration with the text below it in the source."""
    source = inspect.getsource(enum).splitlines()
    text = []
    for item in enum:
        start = next(k for k, line in enumerate(source) if line.startswith(f"    {item.name} = "))
        lines = []
        if source[start + 1].strip().startswith('"""'):
            for line in source[start + 1 :]:
                lines.append(line[4:])
                if line.rstrip().endswith('"""') and (len(lines) > 1 or line.count('"""') == 2):
                    break
        body = "\n".join(lines).replace('"""', "").rstrip()
        text.append(f"### {item.name} ({int(item)})\n\n{body}\n")
    return "\n".join(text)


def instruction_set() -> str:
    """docs/instruction-set.md."""
    return "\n".join(
        [
            "# Instruction set\n",
            NOTE,
            inspect.cleandoc(isa.__doc__) + "\n",
            "## Instructions\n",
            f"{isa.INSTRUCTION_WORDS} words of 32 bits each.\n",
            field_table(isa.INSTRUCTION),
            described(isa.Opcode),
            "## Layer descriptors\n",
            f"{isa.DESCRIPTOR_WORDS} words of 32 bits each.\n",
            field_table(isa.DESCRIPTOR),
        ]
    )


def link() -> str:
    """docs/link.md."""
    return "\n".join(
        [
            "# Link\n",
            NOTE,
            inspect.cleandoc(frames.__doc__) + "\n",
            f"A frame carries up to {frames.MAX_WORDS} payload words. After "
            f"{frames.BAD_FRAMES_TO_FALL_BACK} bad frames or framing errors in a row the UART "
            "returns to the speed of its reset.\n",
            "## Header\n",
            field_table(frames.HEADER),
            "## Info of a response\n",
            field_table(frames.INFO),
            "## Commands\n",
            described(frames.Command),
            "## Status of a response\n",
            enum_table(frames.Status, "status"),
            "# Memory map\n",
            inspect.cleandoc(registers.__doc__) + "\n",
            "## Regions\n",
            enum_table(registers.Region, "region"),
            "## Registers\n",
            enum_table(registers.Register, "register"),
            "## IMAGE_SHAPE\n",
            field_table(registers.IMAGE_SHAPE),
        ]
    )


def fusion() -> str:
    """docs/fusion.md."""
    title, _, text = fusion_page.page().partition("\n")
    return f"{title}\n\n{NOTE}{text}"


PAGES = {"instruction-set.md": instruction_set, "link.md": link, "fusion.md": fusion}


def main(arguments: list[str] | None = None) -> None:
    """The command line: writes all pages."""
    argparse.ArgumentParser(
        prog="python -m volley.firmware.pages",
        description=f"Writes {', '.join(PAGES)} in docs/ from the sources.",
    ).parse_args(arguments)
    FOLDER.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        write_whole(FOLDER / name, page())
        print(f"wrote docs/{name}")


if __name__ == "__main__":
    main()
