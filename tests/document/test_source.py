"""Text from files, pipes and stdin: what is read, what is refused, and that nothing hangs."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnninspect.document.source import MAX_BYTES, _decode, place_at, read_source
from rnninspect.errors import DocumentError, Place

# Prints what was read, or the error and its exit code.
SCRIPT = """
import sys
from rnninspect.errors import DocumentError
from rnninspect.document.source import read_source
try:
    print(tuple(read_source(sys.argv[1])))
except DocumentError as error:
    print(error)
    sys.exit(error.exit_code)
"""


def refused(path: str) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        read_source(path)
    assert caught.value.exit_code == 2
    return caught.value


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[bytes], str]:
    def save(data: bytes) -> str:
        path = tmp_path / "model.yaml"
        path.write_bytes(data)
        return str(path)

    return save


class TestFiles:
    def test_a_file_is_read_under_the_name_it_was_given(self, saved):
        path = saved("name: é\n".encode())
        assert read_source(path) == (path, "name: é\n")

    @pytest.mark.parametrize(
        ("data", "text"),
        [(b"", ""), (b"a: 1\r\nb: 2\r", "a: 1\r\nb: 2\r"), (b"\xef\xbb\xbf\xef\xbb\xbfa: 1", "\ufeffa: 1")],
        ids=["empty", "line ends", "the first of two marks is dropped"],
    )
    def test_text_is_left_alone(self, saved, data, text):
        assert read_source(saved(data))[1] == text

    def test_a_file_without_a_size_is_read(self):
        if not Path("/proc/self/status").exists():
            pytest.skip("no /proc")
        assert "Name:" in read_source("/proc/self/status")[1]

    def test_a_link_is_followed(self, saved, tmp_path):
        link = tmp_path / "link.yaml"
        link.symlink_to(saved(b"a: 1"))
        assert read_source(str(link))[1] == "a: 1"

    def test_as_large_as_allowed_is_read(self, saved):
        assert len(read_source(saved(b"#" * MAX_BYTES))[1]) == MAX_BYTES

    def test_one_byte_more_is_refused(self, saved):
        path = saved(b"#" * (MAX_BYTES + 1))
        error = refused(path)
        assert error.place == Place(path)
        assert error.message == f"larger than {MAX_BYTES // 1024} KiB"

    def test_a_sparse_file_of_a_terabyte_is_refused_unread(self, tmp_path):
        path = tmp_path / "large.yaml"
        with path.open("wb") as file:
            file.truncate(2**40)
        assert "larger than" in str(refused(str(path)))


class TestRefused:
    def test_missing(self, tmp_path):
        path = str(tmp_path / "none.yaml")
        assert str(refused(path)) == f"{path}: no such file or directory (check the path, or use - for stdin)"

    def test_below_a_file(self, saved):
        assert "not a directory" in str(refused(saved(b"") + "/x"))

    def test_directory(self, tmp_path):
        assert str(refused(str(tmp_path))) == f"{tmp_path}: is a directory (name a YAML file)"

    @pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/dev/full", "/dev/urandom"])
    def test_device(self, path):
        assert str(refused(path)) == f"{path}: is a device (name a YAML file, or use - for stdin)"

    @pytest.mark.parametrize("name", ["fifo", "link", "./fifo"])
    def test_fifo_that_nobody_writes_to(self, tmp_path, name):
        os.mkfifo(tmp_path / "fifo")
        (tmp_path / "link").symlink_to("fifo")
        path = f"{tmp_path}/{name}"
        assert str(refused(path)) == f"{path}: is a named pipe (use - and redirect it to stdin)"

    def test_socket(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)  # a socket's name has to be short
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("socket")
            assert refused("socket").message == "is a socket"

    def test_permission_denied(self, saved, monkeypatch):
        # why: by a stand-in, because root may read everything.
        def deny(*_: object) -> int:
            raise PermissionError(13, "Permission denied")

        path = saved(b"a: 1")
        monkeypatch.setattr(os, "open", deny)
        assert str(refused(path)) == f"{path}: permission denied (make it readable for this user)"

    def test_circular_link(self, tmp_path):
        (tmp_path / "loop").symlink_to("loop")
        assert "symbolic links" in str(refused(str(tmp_path / "loop")))

    @pytest.mark.parametrize("path", ["", "a\0b", "\ud800", "x" * 5000, "\x1b[31m", "-x", " "])
    def test_odd_names_are_no_traceback(self, path):
        assert "\x1b" not in str(refused(path))


class TestEncoding:
    @pytest.mark.parametrize("encoding", ["UTF-16", "UTF-32"])
    @pytest.mark.parametrize("order", ["le", "be"])
    def test_other_marks_are_named(self, saved, encoding, order):
        path = saved("\ufeffa: 1".encode(f"{encoding}-{order}"))
        assert str(refused(path)) == f"{path}:1:1: the text is {encoding} (save it as UTF-8)"

    def test_utf_16_without_a_mark_has_nuls(self, saved):
        path = saved("a: 1".encode("utf-16-le"))
        assert str(refused(path)) == f"{path}:1:2: a NUL byte is not text (save it as UTF-8)"

    @pytest.mark.parametrize(
        ("data", "line", "column", "message"),
        [
            (b"\xff: 1", 1, 1, "byte 0xff is not UTF-8 here"),
            ("a: 1\nname: é".encode("latin-1"), 2, 7, "byte 0xe9 is not UTF-8 here"),
            ("é: 1\r\né: ".encode() + b"\x80", 2, 4, "byte 0x80 is not UTF-8 here"),
            (b"\xef\xbb\xbfa: \xff", 1, 4, "byte 0xff is not UTF-8 here"),
            (b"a: \xe2\x82", 1, 4, "byte 0xe2 is not UTF-8 here"),
            (b"a: \xed\xa0\x80", 1, 4, "byte 0xed is not UTF-8 here"),
            (b"a: 1\n\n b\0\xff", 3, 3, "a NUL byte is not text"),
            (b"a: \xff\0", 1, 4, "byte 0xff is not UTF-8 here"),
        ],
    )
    def test_the_first_wrong_byte_is_pointed_at(self, saved, data, line, column, message):
        path = saved(data)
        error = refused(path)
        assert error.place == Place(path, line, column)
        assert (error.message, error.hint) == (message, "save it as UTF-8")

    @pytest.mark.parametrize("data", [b"a\0", b"a: \xff", b"PK\3\4" + b"a" * MAX_BYTES])
    def test_a_pipe_is_told_that_checkpoints_are_files(self, data, monkeypatch):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert refused("-").hint == ("a document is text in UTF-8; a checkpoint is not read from a pipe: name its file")

    @settings(deadline=None)
    @given(st.binary())
    def test_any_bytes_are_text_or_refused(self, data):
        try:
            text = _decode(data, "x")
        except DocumentError:
            text = None
        assert text is None or text.encode() == data.removeprefix(b"\xef\xbb\xbf")
        assert text is not None or b"\0" in data or not is_utf8(data)


def is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


class TestPlaceAt:
    @pytest.mark.parametrize(
        ("text", "index", "line", "column"),
        [
            ("", 0, 1, 1),
            ("ab", 1, 1, 2),
            ("a\nb", 1, 1, 2),
            ("a\nb", 2, 2, 1),
            ("a\r\nb", 3, 2, 1),
            ("a\rb", 2, 2, 1),
            ("a\u2028b\x85c", 4, 3, 1),
            ("\n\n\n", 3, 4, 1),
        ],
    )
    def test_lines_and_columns_count_from_one(self, text, index, line, column):
        assert place_at(text, index, "f") == Place("f", line, column)


class TestStdin:
    def test_a_dash_is_stdin(self, monkeypatch):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("é: 1".encode()), "ascii"))
        assert read_source("-") == ("<stdin>", "é: 1")

    def test_wrong_bytes(self, monkeypatch):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\n\xff")))
        assert str(refused("-")).startswith("<stdin>:2:1: byte 0xff")

    def test_closed_by_python(self, monkeypatch):
        stdin = io.TextIOWrapper(io.BytesIO())
        stdin.close()
        monkeypatch.setattr(sys, "stdin", stdin)
        assert refused("-").message == "stdin is closed"

    def test_that_cannot_be_read(self, monkeypatch):
        class Broken(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                raise OSError(5, "Input/output error")

        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Broken()))
        assert "input/output error" in str(refused("-"))

    def test_a_non_blocking_pipe_is_read_to_its_end(self, monkeypatch):
        read_end, write_end = os.pipe()
        os.set_blocking(read_end, False)

        def write() -> None:
            os.write(write_end, b"a: 1\n")
            half_read.wait()
            os.write(write_end, b"b: 2\n")
            os.close(write_end)

        # why: released by the first read that finds nothing, so that there is always a gap to survive.
        half_read = threading.Event()

        class Gappy(io.FileIO):
            def read(self, size: int | None = -1, /) -> bytes | None:  # type: ignore[override]
                chunk = super().read(size)
                if chunk is None:
                    half_read.set()
                return chunk

        writer = threading.Thread(target=write)
        with Gappy(read_end) as stream:

            class Stdin:
                closed = False
                buffer = stream

            monkeypatch.setattr(sys, "stdin", Stdin())
            writer.start()
            assert read_source("-") == ("<stdin>", "a: 1\nb: 2\n")
            writer.join()
        assert half_read.is_set()


class TestProcesses:
    """What only a real shell can set up."""

    @staticmethod
    def shell(line: str, *arguments: str) -> tuple[int, str]:
        command = ["bash", "-c", line, sys.executable, SCRIPT, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, input="")
        assert done.stderr == ""
        return done.returncode, done.stdout.strip()

    def test_closed_stdin(self):
        message = "<stdin>: stdin is closed (name a file, or pipe a document in)"
        assert self.shell('"$0" -c "$1" - <&-') == (2, message)

    def test_closed_stdin_does_not_matter_to_a_file(self, saved):
        path = saved(b"a: 1")
        assert self.shell('"$0" -c "$1" "$2" <&-', path) == (0, repr((path, "a: 1")))

    @pytest.mark.parametrize("name", ["-", "/dev/stdin"])
    def test_a_pipe_that_comes_slowly(self, name):
        called = "<stdin>" if name == "-" else name
        line = '{ printf "a: "; sleep 0.1; echo 1; } | "$0" -c "$1" "$2"'
        assert self.shell(line, name) == (0, rf"('{called}', 'a: 1\n')")

    @pytest.mark.parametrize("line", ['yes | "$0" -c "$1" -', '"$0" -c "$1" - < /dev/zero'])
    def test_what_never_ends(self, line):
        code, output = self.shell(line)
        assert code == 2
        assert output.startswith("<stdin>: larger than")

    def test_process_substitution(self):
        code, output = self.shell('"$0" -c "$1" <(echo a: 1)')
        assert code == 0
        assert r"'a: 1\n'" in output

    def test_a_fifo_with_a_writer_through_stdin(self, tmp_path):
        line = 'mkfifo "$2"; echo a: 1 > "$2" & "$0" -c "$1" - < "$2"; wait'
        assert self.shell(line, str(tmp_path / "fifo")) == (0, r"('<stdin>', 'a: 1\n')")

    def test_a_refused_fifo_keeps_its_writer(self, tmp_path):
        # why: opening and closing it would kill the writer, who may be meant for somebody else.
        line = 'mkfifo "$2"; echo a: 1 > "$2" & "$0" -c "$1" "$2"; cat "$2"; wait $! && echo written'
        fifo = str(tmp_path / "fifo")
        code, output = self.shell(line, fifo)
        assert code == 0
        assert output == f"{fifo}: is a named pipe (use - and redirect it to stdin)\na: 1\nwritten"

    def test_a_terminal(self):
        primary, secondary = os.openpty()
        with os.fdopen(primary, "wb", buffering=0) as keyboard:
            keyboard.write(b"a: 1\n\x04")  # Ctrl-D
            done = subprocess.run(
                [sys.executable, "-c", SCRIPT, "-"], stdin=secondary, capture_output=True, text=True, timeout=60
            )
            os.close(secondary)
        assert (done.returncode, done.stdout.strip()) == (0, r"('<stdin>', 'a: 1\n')")
