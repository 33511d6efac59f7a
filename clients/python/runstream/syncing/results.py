"""What a sync has delivered."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class FolderResult:
    """What a sync has delivered of one folder.

    Attributes:
        folder: its path.
        program: what the process runs that writes it.
        tracking_uri: the server it was delivered to.
        batches: batches that the server took.
        points: points in them.
        files: files that were uploaded.
        refused: batches and tasks that the server refused, kept in `refused.log`.
        refused_before: those that a server refused before this sync, for which the folder stays.
        damaged: bytes that are no frames, kept in `damaged`.
        damaged_before: those that were found before this sync, for which the folder stays.
        bytes_left: bytes of batches that are not delivered.
        files_left: files and calls that are not delivered.
        is_live: whether its process may still write to it, and delivers what comes, or leaves it.
        is_removed: whether all was delivered and the folder is gone.
        error: why the rest is not delivered; empty if nothing is left.
    """

    folder: str
    program: str = ""
    tracking_uri: str = ""
    batches: int = 0
    points: int = 0
    files: int = 0
    refused: int = 0
    refused_before: int = 0
    damaged: int = 0
    damaged_before: int = 0
    bytes_left: int = 0
    files_left: int = 0
    is_live: bool = False
    is_removed: bool = False
    error: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing to deliver."""
        return self.is_complete and not (self.batches or self.files)

    @property
    def is_for_people(self) -> bool:
        """Whether the folder stays for what was refused, or is damaged, before this sync."""
        return bool(self.refused_before or self.damaged_before)

    @property
    def is_complete(self) -> bool:
        """Whether the server took all that was there."""
        is_kept = self.refused or self.damaged or self.is_for_people
        return not (is_kept or self.bytes_left or self.files_left or self.error)


@dataclass
class SyncResult:
    """What a sync has delivered.

    Attributes:
        folders: the folders with something to deliver, and those that stay for what was refused or
            is damaged.
    """

    folders: list[FolderResult] = field(default_factory=list)

    @property
    def batches(self) -> int:
        """Batches that were delivered."""
        return sum(folder.batches for folder in self.folders)

    @property
    def points(self) -> int:
        """Points that were delivered."""
        return sum(folder.points for folder in self.folders)

    @property
    def files(self) -> int:
        """Files that were uploaded."""
        return sum(folder.files for folder in self.folders)

    @property
    def refused(self) -> int:
        """Batches and tasks that a server refused."""
        return sum(folder.refused for folder in self.folders)

    @property
    def is_complete(self) -> bool:
        """Whether the servers took all that was there."""
        return all(folder.is_complete for folder in self.folders)
