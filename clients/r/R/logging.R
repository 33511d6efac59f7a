# What programs log to a run.

#' Log metrics, params and tags
#'
#' `runstream_log_metric` puts points into a buffer and returns at once; see [runstream_flush()]. The
#' others return when what they say is on disk.
#'
#' Values are any doubles, `NaN`, `Inf` and `-Inf` included. `NA` is no number and is refused. Steps
#' and timestamps are 64-bit integers: give those beyond 2^53 as texts, or as `integer64` of bit64.
#' Params and tags are texts: numbers are written with the fewest digits that tell them apart, factors
#' as their labels, dates as `2026-01-31`, times in UTC. A param is set once.
#'
#' @param key its name, up to 250 characters.
#' @param value a number, or several for as many steps; for params and tags one value.
#' @param timestamp milliseconds since the epoch, or a `POSIXct`; now, if `NULL`.
#' @param step the step of each value; for params and tags there is none.
#' @param run_id a run, or its id; the active run, which is started if there is none, if `NULL`.
#' @return the value, invisibly.
#' @seealso [runstream_log_batch()] for data frames, [runstream_error] for what is raised.
#' @examples
#' \dontrun{
#' with(runstream_start_run(), {
#'   runstream_log_param("rate", 0.1)
#'   for (epoch in 1:3) runstream_log_metric("loss", 1 / epoch, step = epoch)
#'   runstream_set_tag("author", "ada")
#' })
#' }
#' @export
runstream_log_metric <- function(key, value, timestamp = NULL, step = 0, run_id = NULL) {
  # Checked before a run is started for it.
  points <- new_points(key, value, step, if (is.null(timestamp)) 0 else timestamp)
  buffer <- run_buffer(run_or_active(run_id))
  if (is.null(timestamp)) {
    times <- mapply(next_timestamp, points$key, points$step, MoreArgs = list(buffer = buffer))
    points$timestamp <- sprintf("%.0f", times)
  }
  add_points(buffer, points)
  invisible(value)
}

#' @rdname runstream_log_metric
#' @export
runstream_log_param <- function(key, value, run_id = NULL) {
  params <- named_texts(stats::setNames(list(value), key), "params")
  send_pairs(run_or_active(run_id), "params", params)
  invisible(value)
}

#' @rdname runstream_log_metric
#' @export
runstream_set_tag <- function(key, value, run_id = NULL) {
  tags <- named_texts(stats::setNames(list(value), key), "tags")
  send_pairs(run_or_active(run_id), "tags", tags)
  invisible(value)
}

#' @rdname runstream_log_metric
#' @export
runstream_delete_tag <- function(key, run_id = NULL) {
  write_json(paste0(MLFLOW, "runs/delete-tag"), run_id = run_or_active(run_id), key = check_keys(key))
  invisible()
}

#' Log data frames
#'
#' Sends points, params and tags, in as few requests as their size allows, and returns when all is on
#' disk. Each request is stored whole or not at all; an error says what is not stored. What is sent
#' again is stored once.
#'
#' @param metrics a data frame with the columns `key` and `value`, and, if they are known, `step` (0)
#'   and `timestamp` (milliseconds since the epoch, or `POSIXct`; now).
#' @param params,tags a data frame with the columns `key` and `value`, or a named list or vector.
#' @inheritParams runstream_log_metric
#' @return `NULL`, invisibly.
#' @examples
#' \dontrun{
#' losses <- data.frame(key = "loss", value = exp(-(1:100) / 10), step = 1:100)
#' runstream_log_batch(metrics = losses, params = list(rate = 0.1, depth = 6L))
#' }
#' @export
runstream_log_batch <- function(metrics = NULL, params = NULL, tags = NULL, run_id = NULL) {
  points <- if (length(metrics) && nrow(as.data.frame(metrics))) frame_points(metrics)
  params <- named_texts(frame_values(params, "params"), "params")
  tags <- named_texts(frame_values(tags, "tags"), "tags")
  run_id <- run_or_active(run_id)
  if (length(params)) send_pairs(run_id, "params", params)
  if (length(tags)) send_pairs(run_id, "tags", tags)
  if (!is.null(points)) {
    send_points(run_id, points, deadline_seconds(), function(error, stored) {
      stop(add_to_error(error, missing_points(run_id, points$key[seq.int(stored + 1, length(points$key))])))
    })
  }
  invisible()
}

frame_points <- function(metrics) {
  metrics <- as.data.frame(metrics)
  check_columns(metrics, "metrics")
  new_points(
    metrics$key, metrics$value, if (is.null(metrics$step)) 0 else metrics$step,
    if (is.null(metrics$timestamp)) now() else metrics$timestamp
  )
}

# Returns what a data frame of keys and values says, as a named list.
frame_values <- function(values, field) {
  if (!is.data.frame(values)) {
    return(values)
  }
  check_columns(values, field)
  stats::setNames(as.list(values$value), as.character(values$key))
}

check_columns <- function(frame, field) {
  missing <- setdiff(c("key", "value"), names(frame))
  if (length(missing)) {
    raise_invalid("COLUMN_MISSING", field, missing, "%s has no column %s", field, toString(missing))
  }
}
