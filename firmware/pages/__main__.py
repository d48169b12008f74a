"""``python -m volley.firmware.pages``: writes the generated pages, see volley.firmware.pages.docs."""

import sys

from volley.firmware.pages.docs import main

if __name__ == "__main__":
    sys.exit(main())
