// What a file is, by its name.

export type Kind = "image" | "svg" | "audio" | "video" | "html" | "csv" | "text" | "other";

const KINDS: Record<string, Kind> = {
  ...all("image", "png jpg jpeg gif webp bmp ico avif"),
  ...all("svg", "svg"),
  ...all("audio", "wav mp3 ogg oga flac m4a opus"),
  ...all("video", "mp4 webm ogv"),
  ...all("html", "html htm"),
  ...all("csv", "csv tsv"),
  ...all(
    "other",
    "zip gz tar pkl pickle pt pth ckpt onnx npy npz parquet h5 bin safetensors pdf model so db",
  ),
};

/** Returns the kind of a file; one of which nothing is known is a text until it is read. */
export function kindOf(name: string): Kind {
  const ending = name.toLowerCase().slice(name.lastIndexOf(".") + 1);
  return KINDS[ending] ?? "text";
}

function all(kind: Kind, endings: string): Record<string, Kind> {
  return Object.fromEntries(endings.split(" ").map((ending) => [ending, kind]));
}
