"""Runs MiniStack until standard input ends, so that it does not outlive the tests, however these end.

It is run by the Python that MiniStack is installed in, and imports nothing of this project.
"""

import os
import signal
import sys
import threading

from ministack.app import main


def end_with_the_parent() -> None:
    sys.stdin.read()
    os.killpg(0, signal.SIGKILL)  # the functions that MiniStack runs are processes of the same group


threading.Thread(target=end_with_the_parent, daemon=True).start()
sys.argv[1:] = []
main()
