"""The files of a run, OUT, OUT.ckpt, OUT.csv and OUT.png, and the checks before it starts."""

import os
import tempfile
from pathlib import Path

KINDS = ("ckpt", "csv", "png")


class OutputError(ValueError):
    """An output path that cannot be used; says which file, why, and what to do."""


class Outputs:
    """Paths of a run: ``model`` is OUT; ``ckpt``, ``csv`` and ``png`` are OUT with that ending."""

    def __init__(self, out):
        self.model = Path(out)
        self.ckpt, self.csv, self.png = (Path(f"{out}.{kind}") for kind in KINDS)

    def all(self):
        """The four paths, the model first."""
        return [self.model, self.ckpt, self.csv, self.png]

    def check(self, resume=False, force=False, inputs=()):
        """Raise OutputError unless the run can write its files and takes no other run's place.

        resume: the files are this run's own. force: whatever is there may be replaced, but inputs, paths
        that the run reads.
        """
        for path in inputs if force else ():
            if os.path.realpath(path) in map(os.path.realpath, self.all()):
                raise OutputError(
                    f"--out {self.model}: {path}, which the run reads, is one of its files, and --force "
                    "would remove it; name another --out"
                )
        folder = self.model.absolute().parent
        if not folder.is_dir():
            raise OutputError(f"--out {self.model}: there is no folder {folder}; make it first")
        for path in self.all():
            if path.is_dir():
                raise OutputError(
                    f"--out {self.model}: {path} is a folder; the name of a file is wanted"
                )
        try:
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise OutputError(
                f"--out {self.model}: the folder {folder} cannot be written "
                f"({error.strerror or error}); name one that can"
            ) from None
        found = [str(path) for path in self.all() if path.is_file()]
        if found and not resume and not force:
            raise OutputError(
                f"--out {self.model}: {' and '.join(found)} would be overwritten; go on with that "
                "run (--resume), replace it (--force), or name another --out"
            )

    def clear(self):
        """Remove the files of an earlier run, so that none of them is taken for this one's."""
        for path in self.all():
            if path.is_file():
                Path(os.path.realpath(path)).unlink()
