"""The tags that an import sets on runs (I1)."""

#: `complete`: everything of the run was copied.
COMPLETE_TAG = "runstream.import"

#: Where a run came from: the tracker, its id there, and its page there.
TRACKER_TAG = "runstream.import.tracker"
ID_TAG = "runstream.import.id"
URL_TAG = "runstream.import.url"

#: How far a run that may grow in its source was copied.
POSITION_TAG = "runstream.import.position"
