"""`python -m yizhan`."""

import sys

from yizhan.cli import main

sys.exit(main())
