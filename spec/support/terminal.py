"""Runs a command on a terminal of its own: terminal.py COLUMNS COMMAND...

What comes on standard input is typed there, and what the terminal shows goes to standard output. Ends like the command:
with its exit code, or 128 and the number of the signal that ended it.
"""
import fcntl
import os
import pty
import select
import struct
import sys
import termios

columns, command = int(sys.argv[1]), sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    os.execvp(command[0], command)

typing = [0]
while True:
    ready, _, _ = select.select([terminal, *typing], [], [])
    if 0 in ready:
        typed = os.read(0, 4096)
        # Whoever started this is gone: closing the terminal hangs up on the command.
        if not typed:
            os.close(terminal)
            break
        os.write(terminal, typed)
    if terminal in ready:
        try:
            shown = os.read(terminal, 65536)
        except OSError:
            # Linux says so when nobody has the terminal open any more.
            shown = b""
        if not shown:
            break
        os.write(1, shown)
_, status = os.waitpid(child, 0)
code = os.waitstatus_to_exitcode(status)
sys.exit(code if code >= 0 else 128 - code)
