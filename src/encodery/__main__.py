"""`python -m encodery` and the `encodery` command."""

from encodery.cli import main

if __name__ == "__main__":
    main()
