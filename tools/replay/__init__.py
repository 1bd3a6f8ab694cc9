"""Feeds one's own transactions, from CSV, JSON lines or Parquet, through the contract into the input topic.

`reading` has the rows of files as columns and labels, for whatever wants them:

    reader = RowReader(paths, layout, schema)      # raises UsageError where a file or the layout is of no use
    for block in reader.blocks():               # numpy columns, labels, and the rows that don't fit

`options` has the arguments that say how a file is laid out, for every command that takes such files:

    add_layout_options(parser)
    layout = layout_of(parser.parse_args())
"""
