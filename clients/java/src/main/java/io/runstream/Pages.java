package io.runstream;

import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.function.Function;

/** The items of a list, read page by page as they are taken. */
final class Pages<P, T> implements Iterator<T> {
  private final Function<String, P> readPage;
  private final Function<P, List<T>> items;
  private final Function<P, String> nextToken;
  private Iterator<T> rest = List.<T>of().iterator();
  private String token = "";
  private boolean isEnded;

  /**
   * Begins with the first page.
   *
   * @param readPage returns the page of a token, the first one for ""
   * @param items returns the items of a page
   * @param nextToken returns the token of the page after a page, "" at the end
   */
  Pages(Function<String, P> readPage, Function<P, List<T>> items, Function<P, String> nextToken) {
    this.readPage = readPage;
    this.items = items;
    this.nextToken = nextToken;
  }

  @Override
  public boolean hasNext() {
    while (!rest.hasNext() && !isEnded) {
      P answer = readPage.apply(token);
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
