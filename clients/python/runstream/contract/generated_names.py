"""Readable names: `adjective-noun-number`, at most 20 characters (R3).

The client names the runs that it starts; the server names runs and models that come without a name.
"""

# ruff: noqa: SIM905 # a list literal would be one word a line

import secrets

_ADJECTIVES = (
    "able amber bold brave brief bright brisk broad calm clear clever cool crisp deft deep "
    "eager early even fair fast fine firm fond frank free fresh full gentle glad golden grand "
    "great green happy hardy honest humble jolly keen kind large light live lively loud lucid "
    "lucky mellow merry mild neat nimble noble open plain polite prime proud pure quick quiet "
    "rapid ready rich robust round sage sharp shiny silent silver simple sleek smart smooth "
    "snug sober solid sound steady still stoic strong sunny sure swift tidy true upbeat vivid "
    "warm wise witty"
).split()

_NOUNS = (
    "acorn anchor apple arrow aspen badger beacon beech birch bison brook canyon cedar cliff "
    "cloud comet coral cove crane creek crow dawn deer delta dove dune eagle ember falcon fern "
    "field finch fjord flint forest fox garden gecko glade grove gull harbor hare hawk hazel "
    "heron hill ibis iris island jay juniper kelp koala lagoon lake lark leaf lemur lily lynx "
    "maple marsh meadow mesa moon moss moth newt oak oasis orca otter owl panda peak pearl "
    "pebble pine plum pond quail rain raven reef ridge river robin sage seal shore sky snow "
    "spruce star stone stork swan thrush tiger trail trout tulip vale violet walnut whale "
    "willow wren zebra"
).split()


def generate(random_number: int | None = None) -> str:
    """Return a new name; two runs may have the same.

    Args:
        random_number: decides it, if the caller has one of 64 bits or more.
    """
    # One number at random for all three: each is a call of the system, in which other threads run.
    rest, number = divmod(secrets.randbits(64) if random_number is None else random_number, 1000)
    rest, noun = divmod(rest, len(_NOUNS))
    return f"{_ADJECTIVES[rest % len(_ADJECTIVES)]}-{_NOUNS[noun]}-{number}"
