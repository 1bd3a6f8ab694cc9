"""A schema-governed fraud detection pipeline: contracts, streaming, and the two services built from them."""
