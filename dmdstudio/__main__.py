"""``python -m dmdstudio``."""

from __future__ import annotations

import sys

from dmdstudio.cli import main

if __name__ == "__main__":
    sys.exit(main())
