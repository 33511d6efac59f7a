// The secret by which webhooks are signed, in the form of Standard Webhooks.

const BYTES = 32;

/** Returns a new secret: `whsec_` and the base64 of random bytes. */
export function createSecret(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(BYTES));
  return `whsec_${btoa(String.fromCharCode(...bytes))}`;
}
