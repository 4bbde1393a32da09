"""What a snapshot is: its name, manifest, archive, checksum, and the streams that pack and unpack it.

Pure: archive, document, manifest, name, point_digest, stored.
"""
