"""``python -m avroguard``."""

import sys

from avroguard.cli.main import main

sys.exit(main())
