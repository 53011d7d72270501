"""`python -m grapevine` is the command `grapevine`."""

from grapevine.cli import main

main()
