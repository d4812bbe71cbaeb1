"""`python -m greentrip` is the command `greentrip`."""

from greentrip.cli import main

main()
