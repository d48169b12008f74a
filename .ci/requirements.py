"""Prints the requirements of setup.cfg, and of the extras that are named, one a line, for pip."""

import configparser
import sys
from pathlib import Path

setup = configparser.ConfigParser()
setup.read(Path(__file__).resolve().parent.parent / "setup.cfg")
wanted = [setup["options"]["install_requires"]]
wanted += [setup["options.extras_require"][extra] for extra in sys.argv[1:]]
for text in wanted:
    for line in text.splitlines():
        line = line.strip()
        if line and not line.startswith("#"):
            print(line.replace(" ", ""))
