"""Messages that are none."""

from tools.chaos.trial import Trial

RUBBISH = 100_000


def random_bytes(trial: Trial) -> None:
    """Random bytes among good traffic: each is put aside once, and good traffic is unharmed."""
    chance, pipeline = trial.chance, trial.pipeline
    known_id = b"\x00" + pipeline.schema_id.to_bytes(4, "big")
    # Rubbish from the first byte on, from the schema id on (each of which the registry is asked about), from the body.
    heads = chance.choices((b"", b"\x00", known_id), (60, 2, 38), k=int(RUBBISH * trial.scale))
    trial.rubbish = sorted({head + chance.randbytes(chance.randrange(8, 120)) for head in heads})
    good = pipeline.transactions(len(heads), seed=trial.seed)
    mixed = [*trial.rubbish, *good]
    chance.shuffle(mixed)
    trial.detector()
    pipeline.produce(mixed, keyed=True)  # rules by receiver need all payments to one in one partition
    trial.note_fault()
    trial.prove(trial.rubbish, f"{len(trial.rubbish)} random byte strings among {len(good)} transactions")
