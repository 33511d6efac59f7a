package io.runstream;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/** SHA-256 as the server writes it. */
final class Sha256 {
  private Sha256() {}

  static MessageDigest newDigest() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException impossible) { // every JVM has it
      throw new IllegalStateException(impossible);
    }
  }

  /** Returns 64 lower-case hexadecimal digits. */
  static String toHex(MessageDigest digest) {
    StringBuilder text = new StringBuilder(64);
    for (byte one : digest.digest()) {
      text.append(Character.forDigit(one >> 4 & 15, 16)).append(Character.forDigit(one & 15, 16));
    }
    return text.toString();
  }
}
