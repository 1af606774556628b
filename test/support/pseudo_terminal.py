"""Runs a command in a pseudo-terminal and plays a script of steps: {"wait": text}, {"send": text} or {"more": bytes of output}.

Of several texts to wait for, a list, the first that comes is enough.

Usage: pseudo_terminal.py '[steps as JSON]' command arguments...
Prints everything the command wrote, then a line with its exit status. Exits with 3 when a step never came true.
"""
import json
import os
import pty
import select
import sys
import time

LIMIT_SECONDS = 240


def main() -> int:
    steps, command = json.loads(sys.argv[1]), sys.argv[2:]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    output, mark = b"", 0

    def read_more() -> bool:
        nonlocal output
        ready, _, _ = select.select([terminal], [], [], 0.2)
        if not ready:
            return True
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            return False
        output += piece
        return piece != b""

    for step in steps:
        if "send" in step:
            os.write(terminal, step["send"].encode())
            continue
        deadline = time.monotonic() + LIMIT_SECONDS
        wanted = step.get("wait", [])
        texts = [text.encode() for text in ([wanted] if isinstance(wanted, str) else wanted)]
        while True:
            seen = [found for text in texts if (found := output.find(text, mark)) >= 0]
            if seen:
                mark = min(seen) + next(len(text) for text in texts if output.startswith(text, min(seen)))
                break
            if "more" in step and len(output) - mark >= step["more"]:
                mark = len(output)
                break
            if not read_more() or time.monotonic() > deadline:
                sys.stdout.write(output.decode(errors="replace"))
                sys.stderr.write(f"never saw {step}\n")
                return 3
    while read_more() and time.monotonic() < deadline:
        pass
    _, status = os.waitpid(pid, 0)
    sys.stdout.write(output.decode(errors="replace"))
    sys.stdout.write(f"\n[exit status {os.waitstatus_to_exitcode(status)}]\n")
    return 0


sys.exit(main())
