"""Reading of people's transactions: files as they are, described by a profile, become columns of the contract.

For `scripts/replay`, `scripts/evaluate`, `scripts/backtest` and whatever else takes such files:

    add_profile_options(parser)                     # options: --profile, --map, --time-format, ...
    profile = profile_of(parser.parse_args())
    reader = RowReader(paths, profile, schema)      # raises UsageError where a file or the profile is of no use
    order = order_of(reader, lateness_ms)           # the order of the rows, by their times alone
    for block in in_time_order(reader, order):      # numpy columns, labels, and the rows that don't fit

A profile (`profile`) says where each field of the contract comes from; `formats` opens a file by its format, `amounts`,
`times`, `accounts`, `currencies` and `cells` turn texts into values, `time_order` notices rows that are not in the
order of their times, and `guessing` proposes a profile.
"""
