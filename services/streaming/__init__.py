"""Stream processing on Kafka: settings, clients, topics, and the transactional loop. Knows no fraud and no schema.

loop.py                  exactly-once processing: a session after the other, new clients after a fatal error
session.py               consume, handle, commit, abort and rewind with one pair of clients
transaction.py           begin, commit and abort of the Kafka transaction
handler.py               interface between the loop and a service
sink.py                  output of a handler: records and dead letters
rebalance.py             assigned, revoked and lost partitions; co-partitioned topics
offset_reset.py          a committed offset that does not exist
start_offsets.py         start of a group without committed offsets
restore_point.py         metadata of committed offsets, from which a partition's state is restored
partition_reader.py      reading of offset ranges for a restore
topic_reader.py          reading of a whole topic
poison_search.py         search for the record that makes a batch fail
dead_letters.py          format of dead letters
dead_letter_reading.py   parsing and selection of dead letters
dead_offsets.py          offsets of dead-lettered records, which a restore skips
redriver.py              dead letters back to their topics, once each
clients.py               Kafka clients and their default properties
connections.py           diagnosis of failed connections
failures.py              classification of Kafka errors, retries
topics.py                creation, configuration and checks of topics
authorisation.py         checks of permissions
partitioner.py           Kafka's default partitioner over columns
lag.py                   consumer lag
progress.py              liveness, readiness and the progress of a restore
endpoints.py             /livez, /readyz and /metrics
lifecycle.py             signals, exit codes, waiting for dependencies
settings.py              settings from the environment
"""
