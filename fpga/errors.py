"""What ends a build."""

from __future__ import annotations


class BuildError(Exception):
    """A build that failed; the text shows the tool's own error lines. ``code``: the exit code.

    1: a step failed. 2: the user can put it right (a missing tool, a wrong name).
    3: a project is written that a tool which is not here has to build.
    4: the design does not fit the device, or the model not the design. 5: timing is not met.
    """

    def __init__(self, text: str, code: int = 1):
        super().__init__(text)
        self.code = code
