# Appends a line to a file, whole, also while others append to it: `record.py FILE LINE`.
import fcntl
import os
import sys


def main(path, line):
    path = os.path.expanduser(os.path.expandvars(path))
    folder = os.path.dirname(path)
    if folder:
        os.makedirs(folder, exist_ok=True)
    # Nothing is renamed: whoever has the file open already writes to the same one.
    with open(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "rb+", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.fchmod(file.fileno(), 0o600)
        end = file.seek(0, os.SEEK_END)
        # One that was cut off in the middle of its line is not continued.
        torn = end > 0 and os.pread(file.fileno(), 1, end - 1) != b"\n"
        rest = (b"\n" if torn else b"") + line.encode() + b"\n"
        while rest:
            rest = rest[file.write(rest):]


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except OSError as error:
        sys.exit(f"cannot append to {sys.argv[1]}: {error.strerror}")
