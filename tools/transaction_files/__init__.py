"""Reading of people's transactions: files as they are, described by a profile, become columns of the contract.

For `scripts/replay`, `scripts/evaluate`, `scripts/backtest` and whatever else takes such files:

    add_profile_options(parser)                     # options: --profile, --map, --time-format, ...
    profile = profile_of(parser.parse_args())
    reader = RowReader(paths, profile, schema)      # raises UsageError where a file or the profile is of no use
    for block in in_time_order(reader, lateness_ms=17_000):    # numpy columns, labels, and the rows that don't fit

A profile (`profile`) says where each field of the contract comes from; `formats` opens a file by its format, `amounts`,
`times`, `accounts`, `currencies` and `cells` turn texts into values, `time_order` notices rows that are not in the
order of their times, and `guess` proposes a profile.
"""
