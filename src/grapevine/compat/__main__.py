"""`python -m grapevine.compat program.py [arguments]`: what `grapevine run` does."""

import sys

from grapevine.compat import install, run

if len(sys.argv) < 2:
    sys.exit("usage: python -m grapevine.compat program.py [arguments]")
install()
run(sys.argv[1], sys.argv[2:])
