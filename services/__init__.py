"""A schema-governed fraud detection pipeline: contracts, streaming, and the two services built from them."""

__version__ = "0.1.0"
