"""Number of examples a property is tried on; the same ones every time, so that a failure is the change's fault."""

import os

from hypothesis import settings

settings.register_profile("many", max_examples=100, deadline=None, derandomize=True)
settings.register_profile("few", max_examples=15, deadline=None, derandomize=True)
settings.load_profile("few" if os.environ.get("HYPOTHESIS_PROFILE") == "few" else "many")
