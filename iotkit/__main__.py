"""`python -m iotkit` is the command `iotkit`."""

from .cli import main

main()
