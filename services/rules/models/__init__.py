"""Models: ensembles of decision trees that score transactions by their features, beside the rules.

`model_file` reads and checks the JSON file of a model, `bit_masks` evaluates it on batches, `contributions` says how
much each feature moved a score, `explanation` puts that into words, and `distribution` measures how far live data are
from the data it was trained on. Nothing here needs the library that trained it (docs/decisions/0027).
"""

from services.rules.models.model_file import ModelError, parse_model, read_model
from services.rules.models.scoring_model import ScoringModel

__all__ = ["ModelError", "ScoringModel", "parse_model", "read_model"]
