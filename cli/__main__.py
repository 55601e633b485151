"""`python -m cli` in a checkout is `lnbench` without an installation."""

from .main import main

if __name__ == "__main__":
    main()
