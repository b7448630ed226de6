"""`python -m afina`, and what `torchrun -m afina` starts."""

from __future__ import annotations

import sys

from afina.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
