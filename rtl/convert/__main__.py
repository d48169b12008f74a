"""``python -m volley.rtl.convert``: see volley.rtl.convert.converter."""

import sys

from volley.rtl.convert.converter import main

if __name__ == "__main__":
    sys.exit(main())
