"""What a snapshot is: its name, manifest, archive and checksum, and the streams that encode and decode it.

Pure: archive, document, manifest, name, point_digest, stored.
"""
