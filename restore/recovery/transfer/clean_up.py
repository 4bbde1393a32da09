"""Remove what a refused delivery made: docs/protocol.md, Restore, rule 11."""

from restore.errors import DeadlineError, QdrantError, SpaceError
from restore.qdrant.client import Qdrant
from restore.qdrant.model import UnreadableCollection
from restore.recovery.finish import delete_stranded_upload, delete_upload
from restore.recovery.marker.model import TargetBefore
from restore.recovery.marker.place import OwnMarker
from restore.recovery.plan import Restore
from restore.recovery.target_state import Absent, Present, Target


def clean_up(qdrant: Qdrant, own_marker: OwnMarker, plan: Restore, after: Target, *, inherited: bool) -> str:
    """Remove what this delivery made, then its marker, after a definite refusal. Return what is left, in words.

    `after` is the target as it was read after the refusal. `inherited`: a dead run may have sent something before. A
    failure to clean up (a full disk) must not hide the refusal, so it is told in the answer.
    """
    try:
        return _clean_up(qdrant, own_marker, plan, after, inherited=inherited)
    except (QdrantError, SpaceError, DeadlineError) as error:
        return f"its marker '{own_marker.name}' stays, and the next run tidies up ({error.message})"


def _clean_up(qdrant: Qdrant, own_marker: OwnMarker, plan: Restore, after: Target, *, inherited: bool) -> str:
    target, sent = own_marker.marker.collection, own_marker.marker.sent
    # A collection that is there and answers after the refusal is the one that was there before.
    is_untouched = plan.was is TargetBefore.EMPTY or not (inherited or plan.delete_first)
    match plan.was, after:
        case TargetBefore.ABSENT, Absent():
            delete_stranded_upload(qdrant, target, sent)
            left = "nothing is left behind"
        case TargetBefore.ABSENT, Present(points=0) | UnreadableCollection(is_half_made=True):
            own_marker.check()
            delete_upload(qdrant, target, sent)
            qdrant.delete_collection(target)
            left = "what was made of it is removed again"
        case (TargetBefore.EMPTY, Present(points=0)) | (TargetBefore.PRESENT, Present()) if is_untouched:
            delete_upload(qdrant, target, sent)
            left = "the collection is as it was"
        case _:
            return f"its marker '{own_marker.name}' stays, and the next run sends it again"
    own_marker.drop()
    return left
