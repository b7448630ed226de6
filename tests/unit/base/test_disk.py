"""What a disk says."""

import errno
import os

import pytest

from afina.base import disk
from afina.base.errors import ResourceError


def test_free_bytes_of_a_folder_that_is_not_there_yet(tmp_path):
    assert disk.free_bytes(tmp_path / "a" / "b") > 0


def test_refusals_turn_only_the_named_errors(tmp_path):
    with pytest.raises(ResourceError) as caught, disk.refusals(tmp_path, only=disk.FAILING):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    assert caught.value.code == "E-DISK-002"
    assert str(tmp_path) in str(caught.value)
    with pytest.raises(PermissionError), disk.refusals(tmp_path, only=disk.FAILING):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    with pytest.raises(ResourceError), disk.refusals(tmp_path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def test_a_quota_counts_as_a_full_disk(tmp_path):
    with pytest.raises(ResourceError, match=r"E-DISK-001.*2\.5 MB are needed"), disk.refusals(tmp_path, 2_500_000):
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
