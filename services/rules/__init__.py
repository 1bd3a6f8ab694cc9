"""Rules that make a transaction suspicious: data that is read from a file and checked against the schema.

`model` defines rules, `loading` reads a rules file and has a line for every fault, `conditions` are about the fields of
a transaction, over whole columns, `windows` hold recent transactions and aggregate over them, `topology` assigns rules
to topics, and `reasons` explain a match. Nothing here knows Kafka or an engine.
"""
