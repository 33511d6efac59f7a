# Runs of the server: read, changed, searched.

#' A run
#'
#' @param run_id a run, or its id; the active run, if `NULL`.
#' @return A list of the class `runstream_run` with the fields `run_id`, `run_name`, `experiment_id`,
#'   `user_id`, `status`, `start_time` and `end_time` (`POSIXct`), `lifecycle_stage`, `artifact_uri`,
#'   and data frames: `metrics` with the latest point of each (`key`, `value`, `step`, `timestamp`),
#'   `params` and `tags` (`key`, `value`).
#' @examples
#' \dontrun{
#' runstream_get_run()$metrics
#' }
#' @export
runstream_get_run <- function(run_id = NULL) {
  run_id <- existing_run(run_id)
  runstream_flush(run_id)
  run <- get_json(paste0(MLFLOW, "runs/get"), list(run_id = run_id))$run
  new_run(if (has_infinities(run$data$metrics)) find_run(run_id) else run)
}

# MLflow's routes tell an infinity as the greatest double; ours tell them apart.
has_infinities <- function(points) {
  any(abs(as_values(lapply(points, `[[`, "value"))) == .Machine$double.xmax, na.rm = TRUE)
}

find_run <- function(run_id) {
  body <- list(filter = sprintf("attributes.run_id = '%s'", run_id), run_view_type = "ALL")
  post_json(paste0(RUNSTREAM, "runs/search"), body)$runs[[1]]
}

#' Delete and restore runs
#'
#' @param run_id a run, or its id.
#' @return `NULL`, invisibly.
#' @examples
#' \dontrun{
#' runstream_delete_run(run)
#' runstream_restore_run(run)
#' }
#' @export
runstream_delete_run <- function(run_id) {
  write_json(paste0(MLFLOW, "runs/delete"), run_id = check_run_id(run_id))
  invisible()
}

#' @rdname runstream_delete_run
#' @export
runstream_restore_run <- function(run_id) {
  write_json(paste0(MLFLOW, "runs/restore"), run_id = check_run_id(run_id))
  invisible()
}

#' Search runs
#'
#' @param filter a filter such as `metrics.loss < 0.5 AND params.model = 'forest'`; all, if `NULL`.
#' @param run_view_type `ACTIVE_ONLY`, `DELETED_ONLY` or `ALL`.
#' @param experiment_ids their ids; that of this session, if `NULL`.
#' @param order_by keys such as `metrics.loss ASC`.
#' @param max_results at most so many; all, if `Inf`.
#' @return A data frame with a row for each run: `run_id`, `run_name`, `experiment_id`, `user_id`,
#'   `status`, `start_time`, `end_time`, `lifecycle_stage`, `artifact_uri`, a numeric column
#'   `metrics.KEY` for each metric that any of them has, a text column `params.KEY` for each param and
#'   `tags.KEY` for each tag; `NA` where a run has none. `NaN` is a value.
#' @examples
#' \dontrun{
#' best <- runstream_search_runs("metrics.loss < 0.5", order_by = "metrics.loss", max_results = 10)
#' best[c("run_name", "metrics.loss", "params.rate")]
#' }
#' @export
runstream_search_runs <- function(filter = NULL,
                                  run_view_type = c("ACTIVE_ONLY", "DELETED_ONLY", "ALL"),
                                  experiment_ids = NULL, order_by = character(), max_results = Inf) {
  ids <- if (is.null(experiment_ids)) current_experiment() else vapply(experiment_ids, id_text, "")
  runstream_flush()
  body <- list(
    filter = filter, run_view_type = match.arg(run_view_type), experiment_ids = I(unname(ids)),
    order_by = I(order_by)
  )
  run_frame(all_pages(paste0(RUNSTREAM, "runs/search"), body, "runs", max_results))
}

PAGE_ROWS <- 1000

# Returns what all pages of a search have.
all_pages <- function(path, body, field, max_results, page_rows = PAGE_ROWS) {
  if (!is.numeric(max_results) || length(max_results) != 1 || is.na(max_results) || max_results < 1) {
    raise_invalid("MAX_RESULTS_MALFORMED", "max_results", max_results, "max_results has to be at least 1")
  }
  pages <- list()
  left <- max_results
  repeat {
    body$max_results <- integer_texts(min(left, page_rows), "max_results")
    answer <- post_json(path, drop_null(body))
    pages[[length(pages) + 1L]] <- answer[[field]]
    left <- left - length(answer[[field]])
    body$page_token <- answer$next_page_token
    if (left < 1 || is.null(body$page_token) || !nzchar(body$page_token)) {
      return(do.call(c, pages))
    }
  }
}

new_run <- function(run) {
  info <- run$info
  structure(class = "runstream_run", list(
    run_id = info$run_id, run_name = info$run_name, experiment_id = info$experiment_id,
    user_id = info$user_id, status = info$status, start_time = to_time(info$start_time),
    end_time = to_time(info$end_time), lifecycle_stage = info$lifecycle_stage,
    artifact_uri = info$artifact_uri, metrics = point_frame(run$data$metrics),
    params = pair_frame(run$data$params), tags = pair_frame(run$data$tags)
  ))
}

#' @export
print.runstream_run <- function(x, ...) {
  cat(sprintf("<run %s '%s', %s, experiment %s>\n", x$run_id, x$run_name, x$status, x$experiment_id))
  invisible(x)
}

run_frame <- function(runs) {
  infos <- lapply(runs, `[[`, "info")
  text <- function(field) vapply(infos, function(info) one_text(info[[field]]), "")
  frame <- data.frame(
    run_id = text("run_id"), run_name = text("run_name"), experiment_id = text("experiment_id"),
    user_id = text("user_id"), status = text("status"),
    start_time = to_times(lapply(infos, `[[`, "start_time")),
    end_time = to_times(lapply(infos, `[[`, "end_time")),
    lifecycle_stage = text("lifecycle_stage"), artifact_uri = text("artifact_uri")
  )
  for (kind in c("metrics", "params", "tags")) {
    columns <- key_columns(lapply(runs, function(run) run$data[[kind]]), kind)
    frame[names(columns)] <- columns
  }
  frame
}

# Returns a column for each key that any of the runs has; `pairs` has the pairs of each run.
key_columns <- function(pairs, kind) {
  count <- length(pairs)
  rows <- rep(seq_len(count), lengths(pairs))
  pairs <- unlist(pairs, recursive = FALSE)
  keys <- vapply(pairs, `[[`, "", "key")
  if (kind == "metrics") {
    values <- as_values(lapply(pairs, `[[`, "value"))
  } else {
    values <- vapply(pairs, function(pair) one_text(pair$value), "")
  }
  distinct <- sort(unique(keys), method = "radix")
  columns <- lapply(split(seq_along(keys), factor(keys, distinct)), function(index) {
    column <- rep(values[NA_integer_], count)
    column[rows[index]] <- values[index]
    column
  })
  stats::setNames(columns, sprintf("%s.%s", kind, distinct))
}

pair_frame <- function(pairs) {
  data.frame(
    key = vapply(pairs, `[[`, "", "key"), value = vapply(pairs, function(pair) one_text(pair$value), "")
  )
}

one_text <- function(text) if (is.null(text)) NA_character_ else text

to_time <- function(milliseconds) to_times(list(milliseconds))

# Returns times of milliseconds, some of which may be NULL.
to_times <- function(milliseconds) {
  numbers <- vapply(milliseconds, function(one) if (is.null(one)) NA_real_ else as.double(one), 0)
  as.POSIXct(numbers / 1000, origin = "1970-01-01", tz = "UTC")
}
