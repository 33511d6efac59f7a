// The package has types for its whole alone, which has a part in WebAssembly that the policy of the
// page does not let run.
declare module "hyparquet-compressors/src/gzip.js" {
  export function gunzip(input: Uint8Array, output: Uint8Array): Uint8Array;
}

declare module "hyparquet-compressors/src/brotli.js" {
  export function decompressBrotli(input: Uint8Array, length: number): Uint8Array;
}
