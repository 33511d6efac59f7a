# `vectors.R log FILE` logs the points, params and tags of vectors.json and prints the id of the run;
# `vectors.R check FILE RUN_ID` stops unless a run has exactly these.
library(runstream)

arguments <- commandArgs(trailingOnly = TRUE)
lines <- readLines(arguments[[2]], encoding = "UTF-8", warn = FALSE)
vectors <- jsonlite::fromJSON(paste(lines, collapse = "\n"), simplifyDataFrame = FALSE)
field <- function(name) vapply(vectors$points, `[[`, "", name)

# Doubles of their 64 bits in hexadecimal digits.
from_bits <- function(bits) {
  bytes <- as.raw(strtoi(substring(bits, seq(1, 15, 2), seq(2, 16, 2)), 16L))
  readBin(bytes, "double", 1, endian = "big")
}
values <- vapply(field("bits"), from_bits, 0, USE.NAMES = FALSE)

if (arguments[[1]] == "log") {
  run <- runstream_start_run()
  points <- data.frame(key = field("key"), value = values, step = field("step"), timestamp = field("timestamp"))
  runstream_log_batch(points, vectors$params, vectors$tags)
  runstream_end_run()
  cat(run$run_id)
} else {
  run <- runstream_get_run(arguments[[3]])
  stopifnot(setequal(run$metrics$key, field("key")))
  for (key in unique(field("key"))) {
    logged <- field("key") == key
    history <- runstream_get_metric_history(key, run)
    as_text <- function(integers) if (is.character(integers)) integers else sprintf("%.0f", integers)
    stopifnot(
      identical(history$value, values[logged]), identical(1 / history$value, 1 / values[logged]),
      identical(as_text(history$step), field("step")[logged]),
      identical(as_text(history$timestamp), field("timestamp")[logged])
    )
  }
  texts <- function(frame, names) frame$value[match(names, frame$key)]
  for (kind in c("params", "tags")) {
    expected <- unlist(vectors[[kind]])
    stopifnot(identical(texts(run[[kind]], names(expected)), unname(expected)))
  }
}
