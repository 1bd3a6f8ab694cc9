"""Messages that are none."""

from tools.chaos.stage import Stage

RUBBISH = 100_000


def random_bytes(stage: Stage) -> None:
    """Random bytes among good traffic: each is put aside once, and good traffic is unharmed."""
    chance, pipeline = stage.chance, stage.pipeline
    known_id = b"\x00" + pipeline.schema_id.to_bytes(4, "big")
    heads = (b"", b"\x00", known_id)  # rubbish from the first byte on, from the schema id on, from the body on
    count = int(RUBBISH * stage.scale)
    found = {chance.choice(heads) + chance.randbytes(chance.randrange(8, 120)) for _ in range(count)}
    stage.rubbish = sorted(found)
    good = pipeline.transactions(count, seed=stage.seed)
    mixed = [*stage.rubbish, *good]
    chance.shuffle(mixed)
    stage.detector()
    pipeline.produce(mixed)
    stage.struck()
    stage.prove(stage.rubbish, f"{len(stage.rubbish)} random byte strings among {len(good)} transactions")
