"""Where a store is: read from a person's text, without sockets and disks."""

from __future__ import annotations

import pytest

from restore.stores.location import Location, LocationKind, parse_location


@pytest.mark.parametrize(
    ("text", "location", "shown"),
    [
        (
            "./qdrant_snapshots",
            Location(kind=LocationKind.DIRECTORY, path="./qdrant_snapshots"),
            "./qdrant_snapshots",
        ),
        (
            "file:///srv/my%20backups",
            Location(kind=LocationKind.DIRECTORY, path="/srv/my backups"),
            "/srv/my backups",
        ),
        ("file://localhost/srv", Location(kind=LocationKind.DIRECTORY, path="/srv"), "/srv"),
        ("s3://bucket", Location(kind=LocationKind.S3, bucket="bucket"), "s3://bucket"),
        ("s3://bucket/", Location(kind=LocationKind.S3, bucket="bucket"), "s3://bucket"),
        ("S3://bucket//a//b/", Location(kind=LocationKind.S3, bucket="bucket", prefix="a/b"), "s3://bucket/a/b"),
        (
            "gs://my.bucket_1/a",
            Location(kind=LocationKind.GCS, bucket="my.bucket_1", prefix="a"),
            "gs://my.bucket_1/a",
        ),
        (
            "az://container/a b",
            Location(kind=LocationKind.AZURE, bucket="container", prefix="a b"),
            "az://container/a b",
        ),
    ],
)
def test_a_store_is_read_and_shown(text: str, location: Location, shown: str) -> None:
    """What it shows is what may be given again."""
    assert (parse_location(text), str(location), parse_location(shown)) == (location, shown, location)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("ftp://host/x", "begins with ftp://, a store is a directory or one of file://, s3://, gs://, az://"),
        ("gcs://bucket", "begins with gcs://, a store is a directory or one of file://, s3://, gs://, az://"),
        ("s3://key:canary@bucket/x", "comes with a user name or password; they are taken from where"),
        ("s3://bucket/x?versionId=canary", "goes on with a query or fragment; leave it out"),
        ("s3:///x", "has '' where the bucket's name belongs (s3://BUCKET/PREFIX)"),
        ("s3://a b/x", "has 'a b' where the bucket's name belongs (s3://BUCKET/PREFIX)"),
        ("s3://bucket/a/../b", "has 'a/../b' as a prefix; it cannot hold"),
        ("file://host/srv", "names the host 'host'; a directory is file:///PATH"),
    ],
)
def test_what_is_no_store_gets_a_sentence_without_its_password(text: str, sentence: str) -> None:
    """The sentence never repeats what may be secret."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole sentence is compared below
        parse_location(text)
    assert str(caught.value).startswith(sentence)
    assert "canary" not in str(caught.value)
