"""Library: evaluates batches of transactions by the rules, keeps and restores windows, and routes; knows no engine."""
