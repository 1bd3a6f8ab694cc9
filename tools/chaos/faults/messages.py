"""Messages that are none."""

from tools.chaos.stage import Stage

RUBBISH = 100_000


def random_bytes(stage: Stage) -> None:
    """Random bytes among good traffic: each is put aside once, and good traffic is unharmed."""
    chance, pipeline = stage.chance, stage.pipeline
    known_id = b"\x00" + pipeline.schema_id.to_bytes(4, "big")
    # Rubbish from the first byte on, from the schema id on (each of which the registry is asked about), from the body.
    heads = chance.choices((b"", b"\x00", known_id), (60, 2, 38), k=int(RUBBISH * stage.scale))
    stage.rubbish = sorted({head + chance.randbytes(chance.randrange(8, 120)) for head in heads})
    good = pipeline.transactions(len(heads), seed=stage.seed)
    mixed = [*stage.rubbish, *good]
    chance.shuffle(mixed)
    stage.detector()
    pipeline.produce(mixed)
    stage.struck()
    stage.prove(stage.rubbish, f"{len(stage.rubbish)} random byte strings among {len(good)} transactions")
