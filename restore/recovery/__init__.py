"""Bring a snapshot into a server safely: docs/protocol.md, Restore.

Pure: comparison, compatibility, plan, policy, request, takeover, target_state.
"""
