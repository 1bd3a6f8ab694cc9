"""Features: numbers about each transaction that rules compare and models learn from, declared in the rules file.

`feature` defines one, and sets of them with a digest. `loading` reads the table ``[features]``, `placement` assigns
them to stages, `evaluation` makes a float64 column of each. A missing value is NaN.
"""

from services.rules.features.evaluation import add_features
from services.rules.features.feature import Feature, FeatureSet

__all__ = ["Feature", "FeatureSet", "add_features"]
