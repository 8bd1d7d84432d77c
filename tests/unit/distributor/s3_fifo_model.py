"""S3-FIFO written from its description: lists, and every question looks at all of them."""

from dataclasses import dataclass, field


@dataclass
class Modelled:
    object_id: int
    size: int
    frequency: int = 0
    uses: int = 1


@dataclass
class S3Model:
    small: list[Modelled] = field(default_factory=list)
    main: list[Modelled] = field(default_factory=list)
    ghosts: list[tuple[int, int]] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        return sum(entry.size for entry in self.small + self.main)

    def find(self, object_id: int) -> Modelled | None:
        return next((entry for entry in self.small + self.main if entry.object_id == object_id), None)

    def admit(self, object_id: int, size: int, uses: int = 1) -> None:
        self.remove(object_id)
        came_back = any(ghost == object_id for ghost, _ in self.ghosts)
        self.ghosts = [(ghost, bytes_) for ghost, bytes_ in self.ghosts if ghost != object_id]
        (self.main if came_back or uses > 2 else self.small).append(Modelled(object_id, size, uses=uses))
        while sum(bytes_ for _, bytes_ in self.ghosts) > self.bytes * 9 / 10:
            self.ghosts.pop(0)

    def use(self, object_id: int, uses: int) -> None:
        if (entry := self.find(object_id)) is not None:
            entry.frequency = min(3, entry.frequency + uses)
            entry.uses += uses

    def resize(self, object_id: int, size: int) -> None:
        if (entry := self.find(object_id)) is not None:
            entry.size = size

    def forget(self, object_id: int) -> None:
        entry = self.find(object_id)
        if entry in self.small:
            self.ghosts.append((object_id, max(1, entry.size)))
        self.remove(object_id)

    def remove(self, object_id: int) -> None:
        self.small = [entry for entry in self.small if entry.object_id != object_id]
        self.main = [entry for entry in self.main if entry.object_id != object_id]

    def victim(self, pinned: set[int]) -> int | None:
        first, second = self.main_victim, self.small_victim
        if sum(entry.size for entry in self.small) >= self.bytes / 10:
            first, second = second, first
        found = first(pinned)
        found = second(pinned) if found is None else found
        # The small queue is asked once more: what is in there, if the main queue has only pinned objects.
        return self.small_victim(pinned) if found is None else found

    def small_victim(self, pinned: set[int]) -> int | None:
        for entry in list(self.small):
            if entry.object_id in pinned:
                continue
            if entry.frequency < 2:
                return entry.object_id
            self.small.remove(entry)
            self.main.append(entry)
            entry.frequency = 0
        return None

    def main_victim(self, pinned: set[int]) -> int | None:
        while free := [entry for entry in self.main if entry.object_id not in pinned]:
            entry = free[0]
            if entry.frequency == 0:
                return entry.object_id
            self.main.remove(entry)
            self.main.append(entry)
            entry.frequency -= 1
        return None
