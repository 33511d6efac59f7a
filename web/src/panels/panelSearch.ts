// Which panels somebody looks for: by words, or by a /regular expression/.

// A longer text is not looked at: an expression that goes back and forth would take for ever.
const MOST = 500;

/** Returns whether a text is looked for; an expression that is none finds nothing, and says why. */
export function searchOf(search: string): { finds: (text: string) => boolean; error: string } {
  const expression = /^\/(.*)\/(i?)$/s.exec(search.trim());
  if (expression) {
    try {
      const found = new RegExp(expression[1] ?? "", expression[2] || "i");
      return { finds: (text) => found.test(text.slice(0, MOST)), error: "" };
    } catch (failure) {
      return { finds: () => false, error: failure instanceof Error ? failure.message : "" };
    }
  }
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return {
    finds: (text) => words.every((word) => text.toLowerCase().includes(word)),
    error: "",
  };
}
