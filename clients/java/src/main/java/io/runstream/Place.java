package io.runstream;

/** A place in a log of a spool: bytes in front of it in a file, whose number is from 1. */
final class Place implements Comparable<Place> {
  /** Where a log begins. */
  static final Place START = new Place(1, 0);

  final long file;
  final long offset;

  Place(long file, long offset) {
    this.file = file;
    this.offset = offset;
  }

  @Override
  public int compareTo(Place other) {
    int byFile = Long.compare(file, other.file);
    return byFile != 0 ? byFile : Long.compare(offset, other.offset);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Place && compareTo((Place) other) == 0;
  }

  @Override
  public int hashCode() {
    return Long.hashCode(31 * file + offset);
  }

  @Override
  public String toString() {
    return file + ":" + offset;
  }
}
