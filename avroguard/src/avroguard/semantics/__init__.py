"""Changes that Avro calls compatible although they change what the data mean: the semantic tier.

Avro's compatibility is about bytes that can be read. A decimal of scale 2 read with scale 4 can be read, and is wrong
by a factor of 100. The reference lets all of this pass (and so does a schema registry), hence none of it is in
``compatibility``: it stands here, under rules of its own, and can be waived or switched off on its own. No I/O.

A change of meaning has a direction, as compatibility has: a decimal that becomes wider loses nothing where only new
readers read old data. What counts follows the Avro specification's sections "Logical Types", "Schema Resolution" and
"Parsing Canonical Form"; promotions that lose digits follow from IEEE 754.
"""

from avroguard.semantics.changes import semantic_changes
from avroguard.semantics.rules import SemanticRule

__all__ = ["SemanticRule", "semantic_changes"]
