package io.runstream;

import java.util.Objects;

/** What a key, a text and a time may be: rows M1, M2 and P2 of docs/behaviour.md. */
final class Rules {
  static final int KEY_CHARACTERS = 250;
  static final int VALUE_CHARACTERS = 65_536;

  private Rules() {}

  static void checkKey(String field, String key) {
    Objects.requireNonNull(key, field);
    int length = key.codePointCount(0, key.length());
    if (length == 0) {
      throw TrackingException.invalid(
          "KEY_EMPTY",
          field,
          key,
          "1 to " + KEY_CHARACTERS + " characters",
          "Missing value for required parameter '" + field + "'");
    }
    if (length > KEY_CHARACTERS) {
      throw TrackingException.invalid(
          "KEY_TOO_LONG",
          field,
          key,
          KEY_CHARACTERS,
          field + " has " + length + " characters, the limit is " + KEY_CHARACTERS);
    }
    if (!key.codePoints().allMatch(Rules::isOfKey)) {
      throw malformed(field, key, "letters, digits, _ - . / : and space are allowed");
    }
    for (String part : key.split("/", -1)) {
      if (part.isEmpty() || part.equals(".") || part.equals("..")) {
        throw malformed(field, key, "between slashes there must be a name, and not . or ..");
      }
    }
  }

  static void checkText(String field, String value) {
    Objects.requireNonNull(value, field);
    int length = value.codePointCount(0, value.length());
    if (length > VALUE_CHARACTERS) {
      throw TrackingException.invalid(
          "VALUE_TOO_LONG",
          field,
          value.substring(0, 50) + "…",
          VALUE_CHARACTERS,
          field + " has " + length + " characters, the limit is " + VALUE_CHARACTERS);
    }
    if (value.codePoints().anyMatch(Rules::isSurrogate)) {
      throw TrackingException.invalid(
          "VALUE_NOT_UNICODE",
          field,
          "",
          "Unicode text",
          field + " has a lone surrogate, which is not Unicode text");
    }
  }

  /** Returns the text, or the beginning of it that a value may hold, which then ends in "…". */
  static String shortened(String text) {
    return text.codePointCount(0, text.length()) <= VALUE_CHARACTERS
        ? text
        : text.substring(0, text.offsetByCodePoints(0, VALUE_CHARACTERS - 1)) + "…";
  }

  static void checkTimestamp(String field, long timestamp) {
    if (timestamp < 0) {
      throw TrackingException.invalid(
          "TIMESTAMP_OUT_OF_RANGE",
          field,
          timestamp,
          "0 to " + Long.MAX_VALUE,
          "Invalid value "
              + timestamp
              + " for parameter '"
              + field
              + "' supplied: it must be 0 to "
              + Long.MAX_VALUE
              + " milliseconds since the epoch");
    }
  }

  private static boolean isOfKey(int character) {
    switch (character) {
      case '_':
      case '-':
      case '.':
      case '/':
      case ':':
      case ' ':
        return true;
      default:
        int type = Character.getType(character);
        return Character.isLetter(character)
            || type == Character.DECIMAL_DIGIT_NUMBER
            || type == Character.LETTER_NUMBER
            || type == Character.OTHER_NUMBER;
    }
  }

  private static boolean isSurrogate(int character) {
    return Character.getType(character) == Character.SURROGATE;
  }

  private static TrackingException malformed(String field, String key, String rule) {
    return TrackingException.invalid(
        "KEY_MALFORMED",
        field,
        key,
        rule,
        "Invalid value '" + key + "' for parameter '" + field + "' supplied: " + rule);
  }
}
