"""Commands of the pipeline: `create-topics`, `redrive`, `check-rules`, and the generator of Python types."""
