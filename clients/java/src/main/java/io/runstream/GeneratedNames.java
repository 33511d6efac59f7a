package io.runstream;

import java.util.List;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Readable names of runs: {@code adjective-noun-number}, at most 20 characters (R3). The words are
 * those of the Python client and of the server.
 */
final class GeneratedNames {
  static final List<String> ADJECTIVES =
      List.of(
          ("able amber bold brave brief bright brisk broad calm clear clever cool crisp "
                  + "deft deep eager early even fair fast fine firm fond frank free fresh full "
                  + "gentle glad golden grand great green happy hardy honest humble jolly keen kind "
                  + "large light live lively loud lucid lucky mellow merry mild neat nimble noble "
                  + "open plain polite prime proud pure quick quiet rapid ready rich robust round "
                  + "sage sharp shiny silent silver simple sleek smart smooth snug sober solid "
                  + "sound steady still stoic strong sunny sure swift tidy true upbeat vivid warm "
                  + "wise witty")
              .split(" "));

  static final List<String> NOUNS =
      List.of(
          ("acorn anchor apple arrow aspen badger beacon beech birch bison brook canyon "
                  + "cedar cliff cloud comet coral cove crane creek crow dawn deer delta dove dune "
                  + "eagle ember falcon fern field finch fjord flint forest fox garden gecko glade "
                  + "grove gull harbor hare hawk hazel heron hill ibis iris island jay juniper kelp "
                  + "koala lagoon lake lark leaf lemur lily lynx maple marsh meadow mesa moon moss "
                  + "moth newt oak oasis orca otter owl panda peak pearl pebble pine plum pond "
                  + "quail rain raven reef ridge river robin sage seal shore sky snow spruce star "
                  + "stone stork swan thrush tiger trail trout tulip vale violet walnut whale "
                  + "willow wren zebra")
              .split(" "));

  private static final int NUMBERS = 1_000;

  private GeneratedNames() {}

  /** Returns a new name; two runs may have the same. */
  static String generate() {
    ThreadLocalRandom random = ThreadLocalRandom.current();
    return ADJECTIVES.get(random.nextInt(ADJECTIVES.size()))
        + "-"
        + NOUNS.get(random.nextInt(NOUNS.size()))
        + "-"
        + random.nextInt(NUMBERS);
  }
}
