# Histories of metrics.

#' The history of a metric
#'
#' @param metric_key the name of the metric.
#' @param run_id a run, or its id; the active run, if `NULL`.
#' @return A data frame with a row for each point, in the order of step, timestamp and value: `key`,
#'   `value`, `step` and `timestamp`, in milliseconds since the epoch. Steps and timestamps are numbers,
#'   or texts if one of the column is beyond 2^53.
#' @examples
#' \dontrun{
#' history <- runstream_get_metric_history("loss")
#' plot(history$step, history$value)
#' as.POSIXct(history$timestamp / 1000, origin = "1970-01-01")
#' }
#' @export
runstream_get_metric_history <- function(metric_key, run_id = NULL) {
  run_id <- existing_run(run_id)
  runstream_flush(run_id)
  query <- list(run_ids = run_id, metric_keys = check_keys(metric_key))
  file <- tempfile()
  on.exit(unlink(file))
  request <- add_query(new_request(paste0(RUNSTREAM, "metrics/history/stream")), query)
  perform(request, file = file, transfer = TRUE)
  columns_frame(read_parts(file))
}

# Reads a history part by part: each is a line of JSON with the points of the metric in columns.
read_parts <- function(file) {
  lines <- file(file, "rt", encoding = "UTF-8")
  on.exit(close(lines))
  parts <- list()
  while (length(line <- readLines(lines, 1L, warn = FALSE))) {
    part <- parse_json(line)
    if (!is.null(part$error_code)) {
      stop(body_error(part))
    }
    table <- part$metrics
    parts[[length(parts) + 1L]] <- list(
      key = rep(unlist(table$keys), unlist(table$counts)), value = as_values(table$value),
      step = table$step, timestamp = table$timestamp
    )
  }
  parts
}

# Returns values of JSON, where NaN and the infinities are texts, as doubles.
as_values <- function(values) vapply(values, as.double, 0)

point_frame <- function(points) columns_frame(list(point_columns(points)))

# Columns of points; integers stay as they came, numbers or texts.
point_columns <- function(points) {
  column <- function(name) lapply(points, `[[`, name)
  list(
    key = vapply(points, `[[`, "", "key"),
    value = as_values(lapply(points, `[[`, "value")),
    step = column("step"), timestamp = column("timestamp")
  )
}

columns_frame <- function(pages) {
  join <- function(name) do.call(c, lapply(pages, `[[`, name))
  key <- join("key")
  data.frame(
    key = if (is.null(key)) character() else key, value = as.double(join("value")),
    step = whole_numbers(join("step")), timestamp = whole_numbers(join("timestamp"))
  )
}

# Returns integers as numbers if all of them are exact in R, else as texts.
whole_numbers <- function(integers) {
  integers <- lapply(integers, function(one) if (is.null(one)) 0 else one)
  as_text <- vapply(integers, is.character, NA)
  numbers <- vapply(integers, as.double, 0)
  if (any(as_text) || any(abs(numbers) > MAX_EXACT)) {
    texts <- sprintf("%.0f", numbers)
    texts[as_text] <- unlist(integers[as_text])
    return(texts)
  }
  numbers
}
