"""Options about policies: what to do about what is found, how to transfer and verify."""

from __future__ import annotations

from restore.recovery.policy import Fallback, OnEmpty, OnExisting, OnMissing, Transfer, Verify
from restore.settings import parsers as values
from restore.settings.command_names import CONFIG, DOCTOR, DRILL, MIRROR, MOVING, PRUNE, RESTORE, SERVE, SNAPSHOT
from restore.settings.option import Option
from restore.settings.options.kinds import make_policy, make_switch

POLICY_OPTIONS = (
    make_policy(
        "on-existing", OnExisting, "The collection is there and has points; replace acts only on collections named."
    ),
    make_policy("on-empty", OnEmpty, "The collection is there without points, although the snapshot has some."),
    make_policy("on-missing", OnMissing, "Neither the collection nor a snapshot of it is there."),
    make_policy("verify", Verify, "What is compared after a transfer; full samples points."),
    make_policy(
        "transfer",
        Transfer,
        "How the bytes travel; auto tries the server's own file, then uploads.",
        (RESTORE, DRILL, CONFIG),
    ),
    make_policy("fallback", Fallback, "What to take when the newest snapshot does not verify."),
    make_switch(
        "allow-version-gap",
        "Replace data also from a snapshot of another minor version of Qdrant.",
        group="Policies",
        commands=(RESTORE, CONFIG),
        per_collection=True,
    ),
    Option(
        name="samples",
        group="Policies",
        placeholder="NUMBER",
        default=32,
        commands=MOVING,
        read=values.parse_samples,
        per_collection=True,
        help="How many points a manifest samples, and how many of them are compared after a restore.",
    ),
    make_switch(
        "dry-run",
        "Print the plan and only read.",
        group="Policies",
        commands=(RESTORE, PRUNE, MIRROR, CONFIG),
    ),
    make_switch(
        "prove-write",
        "Prove that the key may restore: make a mark collection and drop it.",
        group="Policies",
        variable="-",
        key="-",
        commands=(DOCTOR,),
    ),
    make_switch(
        "allow-smaller",
        "Let a snapshot become latest although it has less than half of the points of the last one.",
        group="Policies",
        commands=(SNAPSHOT, CONFIG),
        per_collection=True,
    ),
    Option(
        name="concurrency",
        group="Policies",
        placeholder="NUMBER",
        default=2,
        commands=(RESTORE, SNAPSHOT, SERVE, CONFIG),
        read=values.parse_concurrency,
        help="How many collections are worked on at once; their downloads and the server's own work overlap.",
    ),
    Option(
        name="note",
        group="Policies",
        default="",
        commands=(SNAPSHOT, CONFIG),
        read=values.parse_note,
        per_collection=True,
        help="A remark that the manifest keeps.",
    ),
)
