"""NAME. What it must do: gradus show NAME. How it does: gradus grade NAME ."""
import sys


def main(arguments):
    # The exercise's own command line: USAGE
    print("not written yet; called with", arguments, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
