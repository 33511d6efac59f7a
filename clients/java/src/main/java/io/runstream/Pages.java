package io.runstream;

import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.function.Function;

/** What all pages of a list have, read page by page as it is taken; a list has an end. */
final class Pages<P, T> implements Iterator<T> {
  private final Function<String, P> page;
  private final Function<P, List<T>> items;
  private final Function<P, String> nextToken;
  private Iterator<T> rest = List.<T>of().iterator();
  private String token = "";
  private boolean isEnded;

  /**
   * Begins with the first page.
   *
   * @param page returns the page of a token, the first one for ""
   * @param items returns what a page has
   * @param nextToken returns the token of the page after it, "" at the end
   */
  Pages(Function<String, P> page, Function<P, List<T>> items, Function<P, String> nextToken) {
    this.page = page;
    this.items = items;
    this.nextToken = nextToken;
  }

  @Override
  public boolean hasNext() {
    while (!rest.hasNext() && !isEnded) {
      P answer = page.apply(token);
      rest = items.apply(answer).iterator();
      setNextToken(nextToken.apply(answer));
    }
    return rest.hasNext();
  }

  @Override
  public T next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    return rest.next();
  }

  private void setNextToken(String next) {
    isEnded = next.isEmpty();
    if (!isEnded && (!rest.hasNext() || next.equals(token))) {
      throw TrackingException.malformed("the server answers with pages that bring nothing new");
    }
    token = next;
  }
}
