"""The detector on Apache Flink: the same rules, contracts and code as a PyFlink job (docs/decisions/0023-flink.md)."""
