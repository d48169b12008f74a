"""Which stages of a build folder are up to date: each has a key, of everything it depends on."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

from volley.firmware.files import write_whole

FILE = "stages.json"


@dataclasses.dataclass(frozen=True)
class Stage:
    """A stage and the files that it writes."""

    name: str
    outputs: tuple[str, ...]


class Stages:
    """The stages of one folder, in their order. A stage that runs makes the later ones stale."""

    def __init__(self, folder: Path, stages: list[Stage]):
        self.folder = Path(folder)
        self.stages = {stage.name: stage for stage in stages}
        try:
            self.keys = dict(json.loads((self.folder / FILE).read_text()))
        except (OSError, ValueError, TypeError):
            self.keys = {}

    def up_to_date(self, name: str, key: str) -> bool:
        """Whether the stage ran with that key and all of its files are there."""
        files = [self.folder / each for each in self.stages[name].outputs]
        return self.keys.get(name) == key and all(file.is_file() for file in files)

    def begin(self, name: str) -> None:
        """Removes the files of a stage and of all after it: nothing there is of two builds."""
        later = list(self.stages)[list(self.stages).index(name) :]
        for each in later:
            self.keys.pop(each, None)
        self._write()
        for each in later:
            for file in self.stages[each].outputs:
                (self.folder / file).unlink(missing_ok=True)

    def done(self, name: str, key: str) -> None:
        """The stage has written its files."""
        self.keys[name] = key
        self._write()

    def _write(self):
        write_whole(self.folder / FILE, json.dumps(self.keys, indent=1))


def key_of(*parts) -> str:
    """A key of anything that JSON can write."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
