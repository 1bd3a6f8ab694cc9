"""What makes a transaction suspicious: rules as data, read from a file and checked against the schema.

`model` says what a rules file means, `loading` reads one and has a line for every fault, `conditions` are about the
fields of a transaction, over whole columns, and `reasons` says in words why a rule fired.
"""
