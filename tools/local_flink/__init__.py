"""Apache Flink on this machine, from the packages of an environment of its own: no Docker, no installed Java."""
