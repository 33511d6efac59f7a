package io.runstream;

import java.nio.charset.StandardCharsets;
import java.util.Objects;

/** Checks keys, texts, times, paths and titles: rows M1, M2, P2 and N2 of docs/behaviour.md. */
final class Rules {
  static final int KEY_CHARACTERS = 250;
  static final int VALUE_CHARACTERS = 65_536;
  static final int TITLE_CHARACTERS = 250;
  static final int ALERT_TEXT_CHARACTERS = 10_000;
  private static final int PATH_BYTES = 1_000;
  private static final int NAME_BYTES = 255;
  private static final int SHOWN_CHARACTERS = 100;

  private Rules() {}

  static void checkKey(String field, String key) {
    Objects.requireNonNull(key, field);
    int length = key.codePointCount(0, key.length());
    if (length == 0) {
      throw missingError("KEY_EMPTY", field, "1 to " + KEY_CHARACTERS + " characters");
    }
    if (length > KEY_CHARACTERS) {
      throw TrackingException.invalid(
          "KEY_TOO_LONG",
          field,
          key,
          KEY_CHARACTERS,
          field
              + " has "
              + length
              + " characters, the limit is "
              + KEY_CHARACTERS
              + ": "
              + quote(key));
    }
    key.codePoints()
        .filter(character -> !isKeyCharacter(character))
        .findFirst()
        .ifPresent(character -> throwCharacterError(field, key, character));
    for (String part : key.split("/", -1)) {
      if (part.isEmpty() || part.equals(".") || part.equals("..")) {
        throw malformedError(
            "KEY_MALFORMED",
            field,
            key,
            "no leading, trailing or double slash, no part . or ..",
            "between slashes there must be a name, and not . or ..");
      }
    }
  }

  static void checkPresent(String field, Object value) {
    if (value == null) {
      throw TrackingException.invalid(
          "VALUE_MISSING", field, "null", "a value", field + " is null, it must have a value");
    }
  }

  static void checkTitle(String field, String title) {
    Objects.requireNonNull(title, field);
    if (title.isBlank()) {
      throw missingError("TITLE_EMPTY", field, "1 to " + TITLE_CHARACTERS + " characters");
    }
    checkText(field, title, TITLE_CHARACTERS);
    if (!title.codePoints().allMatch(Rules::isKeyCharacter)) {
      String limit = "no control characters";
      throw malformedError("TITLE_MALFORMED", field, title, limit, "a title has " + limit);
    }
  }

  static void checkText(String field, String value) {
    checkText(field, value, VALUE_CHARACTERS);
  }

  static void checkText(String field, String value, int limit) {
    Objects.requireNonNull(value, field);
    int length = value.codePointCount(0, value.length());
    if (length > limit) {
      throw TrackingException.invalid(
          "VALUE_TOO_LONG",
          field,
          value,
          limit,
          field + " has " + length + " characters, the limit is " + limit + ": " + quote(value));
    }
    checkUnicode(field, value);
  }

  /** Checks that a text can be sent: a lone surrogate cannot, and would arrive as a "?". */
  static void checkUnicode(String field, String text) {
    int position = 0;
    while (position < text.length()) {
      int character = text.codePointAt(position);
      if (isSurrogate(character)) {
        throw TrackingException.invalid(
            "VALUE_NOT_UNICODE",
            field,
            quote(text),
            "Unicode text",
            field
                + " has a lone surrogate at character "
                + text.codePointCount(0, position)
                + ", which is not Unicode text");
      }
      position += Character.charCount(character);
    }
  }

  /** Returns the text, or the beginning of it that a value may hold, which then ends in "…". */
  static String shorten(String text) {
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

  /** Checks the path of a file below the artifacts of a run. */
  static void checkArtifactPath(String field, String path) {
    Objects.requireNonNull(path, field);
    if (path.isEmpty()) {
      throw missingError("PATH_MALFORMED", field, "1 to " + PATH_BYTES + " bytes of UTF-8");
    }
    String rule = findBrokenPathRule(path);
    if (rule != null) {
      throw malformedError("PATH_MALFORMED", field, path, rule, "it must be " + rule);
    }
  }

  private static String findBrokenPathRule(String path) {
    if (bytes(path) > PATH_BYTES) {
      return "at most " + PATH_BYTES + " bytes of UTF-8";
    }
    if (path.codePoints().anyMatch(Rules::isSurrogate)) {
      return "Unicode text, without lone surrogates";
    }
    if (path.startsWith("/")) {
      return "relative to the artifacts of the run";
    }
    for (String part : path.split("/", -1)) {
      if (part.isEmpty()) {
        return "without an empty part";
      }
      if (part.equals(".") || part.equals("..")) {
        return "without a part . or ..";
      }
      if (bytes(part) > NAME_BYTES) {
        return "of parts of at most " + NAME_BYTES + " bytes of UTF-8";
      }
    }
    if (path.indexOf('\\') >= 0) {
      return "without a backslash";
    }
    return path.codePoints().anyMatch(Character::isISOControl)
        ? "without control characters"
        : null;
  }

  private static int bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8).length;
  }

  private static boolean isKeyCharacter(int character) {
    return !Character.isISOControl(character)
        && !isSurrogate(character)
        && character != '\u2028'
        && character != '\u2029';
  }

  private static boolean isSurrogate(int character) {
    return Character.getType(character) == Character.SURROGATE;
  }

  private static void throwCharacterError(String field, String key, int character) {
    throw malformedError(
        "KEY_MALFORMED",
        field,
        key,
        "no control characters, line separators or lone surrogates",
        quote(Character.toString(character))
            + " is a control character, a line separator or a lone surrogate, which no key may"
            + " have");
  }

  private static TrackingException missingError(String reason, String field, String limit) {
    return TrackingException.invalid(
        reason, field, "", limit, "Missing value for required parameter '" + field + "'");
  }

  private static TrackingException malformedError(
      String reason, String field, String value, String limit, String rule) {
    return TrackingException.invalid(
        reason,
        field,
        quote(value),
        limit,
        "Invalid value " + quote(value) + " for parameter '" + field + "' supplied: " + rule);
  }

  /** Returns a text in quotes: its beginning, with escapes for what cannot be shown. */
  static String quote(String text) {
    StringBuilder shown = new StringBuilder("'");
    text.codePoints()
        .limit(SHOWN_CHARACTERS)
        .forEach(
            character -> {
              if (isKeyCharacter(character)) {
                shown.appendCodePoint(character);
              } else {
                shown.append(String.format("\\u%04x", character));
              }
            });
    shown.append(text.codePointCount(0, text.length()) > SHOWN_CHARACTERS ? "…'" : "'");
    return shown.toString();
  }
}
