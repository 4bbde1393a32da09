"""Bring a snapshot into a server safely: docs/protocol.md, Restore.

Pure: comparison, compatibility, plan, policy_choices, request, takeover, target_state.
"""
