"""``python -m volley.firmware.pages``: writes the generated pages, see volley.firmware.pages.docs."""

from volley.firmware.pages.docs import main

if __name__ == "__main__":
    main()
