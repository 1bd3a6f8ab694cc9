"""Quality of rules: figures per scenario and per rule, over a stream whose truth is known."""
