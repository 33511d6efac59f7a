// What a file is, by its name.

export type Kind =
  | "array"
  | "arrays"
  | "arrow"
  | "audio"
  | "csv"
  | "html"
  | "image"
  | "json"
  | "lines"
  | "markdown"
  | "model"
  | "notebook"
  | "onnx"
  | "other"
  | "parquet"
  | "pdf"
  | "svg"
  | "tensors"
  | "text"
  | "video";

const KINDS: Record<string, Kind> = {
  ...all("image", "png jpg jpeg gif webp bmp ico avif"),
  ...all("svg", "svg"),
  ...all("audio", "wav mp3 ogg oga flac m4a opus"),
  ...all("video", "mp4 webm ogv m4v"),
  ...all("html", "html htm"),
  ...all("csv", "csv tsv"),
  ...all("json", "json"),
  ...all("lines", "jsonl ndjson"),
  ...all("parquet", "parquet pq"),
  ...all("arrow", "arrow arrows feather ipc"),
  ...all("markdown", "md markdown"),
  ...all("notebook", "ipynb"),
  ...all("pdf", "pdf"),
  ...all("array", "npy"),
  ...all("arrays", "npz"),
  ...all("tensors", "safetensors"),
  ...all("onnx", "onnx"),
  ...all("other", "zip gz tar pkl pickle pt pth ckpt h5 bin so db"),
};

/** Returns the kind of a file; one of which nothing is known is a text until it is read. */
export function kindOf(name: string): Kind {
  if (name === "MLmodel") return "model";
  const ending = name.toLowerCase().slice(name.lastIndexOf(".") + 1);
  return KINDS[ending] ?? "text";
}

function all(kind: Kind, endings: string): Record<string, Kind> {
  return Object.fromEntries(endings.split(" ").map((ending) => [ending, kind]));
}
