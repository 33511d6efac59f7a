"""What this process knows of runs and experiments, for the time without a server."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from typing import Generic, TypeVar

Entity = TypeVar("Entity")

# Entities of a kind that are kept.
_MAX_ENTITIES = 10_000


class KnownEntities(Generic[Entity]):
    """The last entities that this process made or read, by a key.

    Any thread may call every method; each change is one step in C.
    """

    def __init__(self) -> None:
        self._entities: OrderedDict[str, Entity] = OrderedDict()

    def keep(self, key: str, entity: Entity) -> Entity:
        """Keep an entity in place of an older one, as the last to be dropped, and return it."""
        self._entities[key] = entity
        with suppress(KeyError):  # another thread has dropped it
            self._entities.move_to_end(key)
        if len(self._entities) > _MAX_ENTITIES:
            for oldest in list(self._entities)[:-_MAX_ENTITIES]:
                self._entities.pop(oldest, None)
        return entity

    def find(self, key: str) -> Entity | None:
        """Return the entity of a key; None if it is not known."""
        return self._entities.get(key)
