"""Training of models: from a file of features with labels to a model file and a report.

It needs LightGBM, which `scripts/install --training` installs; what evaluates a model does not (docs/decisions/0027).
"""
