# Points, params and tags as requests within the limits of REST, and what is said of those that fail.

# The bytes of a request before its JSON; the server takes 4 MiB.
BATCH_BYTES <- 2^20

# The bytes that the numbers of a point and its signs take at most.
POINT_BYTES <- 80

# Returns points as columns of texts, checked; steps and timestamps are repeated as R does it.
new_points <- function(key, value, step, timestamp) {
  points <- list(
    key = check_keys(key), step = integer_texts(step, "step"),
    timestamp = timestamp_texts(timestamp), value = value_texts(value)
  )
  counts <- lengths(points)
  if (any(counts != 1 & counts != max(counts))) {
    raise_invalid(
      "COLUMNS_UNEQUAL", "metrics", "", "key, step, timestamp and value have %s elements",
      paste(counts, collapse = ", ")
    )
  }
  lapply(points, rep_len, max(counts))
}

# Splits rows into parts of about BATCH_BYTES; `bytes` has the bytes of each row.
split_rows <- function(bytes) split(seq_along(bytes), floor(cumsum(as.double(bytes)) / BATCH_BYTES))

# Sends points in as few requests as take them, and returns how many were stored. `failed` is called
# with an error and that number.
send_points <- function(run_id, points, seconds, failed) {
  stored <- 0
  bytes <- nchar(points$key, "bytes") * 2 + POINT_BYTES
  for (rows in split_rows(bytes)) {
    part <- lapply(points, `[`, rows)
    tryCatch(
      post_json(paste0(MLFLOW, "runs/log-batch"), list(run_id = run_id, table = point_table(part)), seconds),
      runstream_error = function(error) failed(error, stored)
    )
    stored <- stored + length(rows)
  }
  stored
}

# The columns of a MetricTable: points in the order of their keys.
point_table <- function(points) {
  keys <- unique(points$key)
  index <- match(points$key, keys)
  rows <- order(index)
  list(
    keys = I(keys), counts = I(tabulate(index, length(keys))), step = I(points$step[rows]),
    timestamp = I(points$timestamp[rows]), value = I(points$value[rows])
  )
}

# Sends params, or tags, in as few requests as take them.
send_pairs <- function(run_id, kind, values) {
  for (rows in split_rows(json_bytes(names(values)) + json_bytes(values) + 20)) {
    pairs <- to_pairs(values[rows])
    body <- stats::setNames(list(run_id, pairs), c("run_id", kind))
    tryCatch(
      write_batch(body),
      runstream_error = function(error) {
        missing <- names(values)[rows[[1]]:length(values)]
        stop(add_to_error(error, sprintf("%d %s of run %s are not stored: %s", length(missing), kind, run_id, some(missing))))
      }
    )
  }
}

write_batch <- function(body) do.call(write_json, c(list(paste0(MLFLOW, "runs/log-batch")), body))

# Bytes of texts in JSON.
json_bytes <- function(texts) {
  vapply(texts, function(text) nchar(jsonlite::toJSON(text, auto_unbox = TRUE), "bytes"), 0L, USE.NAMES = FALSE)
}

to_pairs <- function(values) {
  unname(Map(function(key, value) list(key = key, value = value), names(values), values))
}

# The first names of many.
some <- function(names) {
  names <- unique(names)
  text <- paste(utils::head(names, 5), collapse = ", ")
  if (length(names) > 5) sprintf("%s and %d more", text, length(names) - 5L) else text
}
