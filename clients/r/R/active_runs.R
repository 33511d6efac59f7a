# The runs to which this session logs: started, nested, ended.

#' Start and end runs
#'
#' A run that is started is the active one until it ends. In `with(runstream_start_run(), { ... })` it
#' ends with the block: `FINISHED`, `FAILED` if an error leaves the block, `KILLED` if an interrupt
#' does. A run that is still active when R ends is ended then, `FAILED` if an error ends the program.
#'
#' A run that `RUNSTREAM_RUN_ID` names, as under `runstream run`, is resumed by the first start.
#'
#' @param run_id a run, or its id: for `runstream_start_run` one that is resumed, for
#'   `runstream_end_run` one that is ended; a new one, or the active one, if `NULL`.
#' @param experiment_id the experiment of a new run; see [runstream_set_experiment()].
#' @param run_name its name; the server makes one, if `NULL`.
#' @param start_time,end_time milliseconds since the epoch, or `POSIXct`; now, if `NULL`.
#' @param tags a named list or vector.
#' @param nested whether the run is a child of the active one. Without it there must be none.
#' @param status `FINISHED`, `FAILED`, `KILLED`, `SCHEDULED` or `RUNNING`.
#' @param data a run.
#' @param expr what is evaluated.
#' @param ... nothing.
#' @return A run as by [runstream_get_run()]; the value of `expr` for `with`. `runstream_active_run`
#'   returns `NULL` if there is none.
#' @examples
#' \dontrun{
#' with(runstream_start_run(run_name = "search"), {
#'   for (depth in 2:4) {
#'     with(runstream_start_run(nested = TRUE), runstream_log_param("depth", depth))
#'   }
#' })
#' }
#' @export
runstream_start_run <- function(run_id = NULL, experiment_id = NULL, run_name = NULL,
                                start_time = NULL, tags = NULL, nested = FALSE) {
  parent <- active_run_id()
  if (!is.null(parent) && !nested) {
    stop(new_error(
      "FAILED_PRECONDITION",
      sprintf("run %s is active already: end it by runstream_end_run(), or start this one with nested = TRUE", parent),
      "RUN_ALREADY_ACTIVE", list(run_id = parent)
    ))
  }
  run_id <- if (is.null(run_id)) launched_run() else check_run_id(run_id)
  if (is.null(run_id)) {
    run <- create_run(experiment_id, run_name, start_time, tags, parent)
  } else {
    run <- resume_run(run_id, run_name, tags)
  }
  session$active <- c(session$active, run$run_id)
  watch_program()
  invisible(run)
}

#' @rdname runstream_start_run
#' @export
runstream_end_run <- function(status = c("FINISHED", "FAILED", "KILLED", "SCHEDULED", "RUNNING"),
                              end_time = NULL, run_id = NULL) {
  status <- match.arg(status)
  end_time <- timestamp_texts(if (is.null(end_time)) now() else end_time, "end_time")
  run_id <- existing_run(run_id)
  tryCatch(
    {
      runstream_flush(run_id)
      update_run(run_id, status, end_time)
    },
    runstream_error = function(error) {
      # What cannot be sent now may be later; what is refused would be refused again.
      if (!inherits(error, "runstream_unavailable")) forget_run(run_id)
      stop(error)
    }
  )
  forget_run(run_id)
  invisible(runstream_get_run(run_id))
}

#' @rdname runstream_start_run
#' @export
runstream_active_run <- function() {
  run_id <- active_run_id()
  if (is.null(run_id)) NULL else runstream_get_run(run_id)
}

#' @rdname runstream_start_run
#' @export
with.runstream_run <- function(data, expr, ...) {
  # What leaves the block by return() or break() is no failure.
  status <- "FINISHED"
  on.exit(end_block(data$run_id, status))
  value <- withCallingHandlers(
    expr,
    error = function(error) status <<- "FAILED",
    interrupt = function(interrupt) status <<- "KILLED"
  )
  # An error that reached the handler above may have been caught by a restart.
  status <- "FINISHED"
  value
}

# Ends the run of a block, unless the block has. The error that left the block is the one to raise.
end_block <- function(run_id, status) {
  if (!run_id %in% session$active) {
    return()
  }
  if (status == "FINISHED") {
    runstream_end_run(status, run_id = run_id)
  } else {
    tryCatch(
      runstream_end_run(status, run_id = run_id),
      error = function(error) warning(conditionMessage(error), call. = FALSE)
    )
  }
}

create_run <- function(experiment_id, run_name, start_time, tags, parent) {
  start_time <- if (is.null(start_time)) now() else start_time
  tags <- named_texts(frame_values(tags, "tags"), "tags")
  own <- source_tags(parent)
  tags <- c(tags, own[setdiff(names(own), names(tags))])
  experiment_id <- if (is.null(experiment_id)) current_experiment() else id_text(experiment_id)
  # With an id of its own it can be sent again.
  answer <- post_json(paste0(MLFLOW, "runs/create"), drop_null(list(
    run_id = random_id(), experiment_id = experiment_id, run_name = run_name, user_id = tags[["mlflow.user"]],
    start_time = timestamp_texts(start_time, "start_time"), tags = to_pairs(tags)
  )))
  new_run(answer$run)
}

resume_run <- function(run_id, run_name, tags) {
  update_run(run_id, "RUNNING", run_name = run_name)
  tags <- named_texts(frame_values(tags, "tags"), "tags")
  if (length(tags)) send_pairs(run_id, "tags", tags)
  runstream_get_run(run_id)
}

update_run <- function(run_id, status, end_time = NULL, run_name = NULL) {
  if (status %in% c("RUNNING", "SCHEDULED")) {
    end_time <- NULL
  }
  write_json(paste0(MLFLOW, "runs/update"), run_id = run_id, status = status, end_time = end_time, run_name = run_name)
}

# Tags that say where a run comes from (R4).
source_tags <- function(parent) {
  script <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
  tags <- c(
    mlflow.user = Sys.info()[["user"]], mlflow.source.type = "LOCAL",
    mlflow.source.name = if (length(script)) script[[1]] else "R"
  )
  if (is.null(parent)) tags else c(tags, mlflow.parentRunId = parent)
}

# The run that the environment names; it is taken once.
launched_run <- function() {
  named <- Sys.getenv(c("RUNSTREAM_RUN_ID", "MLFLOW_RUN_ID"))
  named <- named[nzchar(named)]
  if (!length(named) || session$launched_run_taken) {
    return(NULL)
  }
  session$launched_run_taken <- TRUE
  named[[1]]
}

active_run_id <- function() if (length(session$active)) session$active[[length(session$active)]]

# The run that is named, or the active one, which is started if there is none.
run_or_active <- function(run_id) {
  if (!is.null(run_id)) {
    return(check_run_id(run_id))
  }
  if (is.null(active_run_id())) {
    runstream_start_run()
  }
  active_run_id()
}

# The run that is named, or the active one.
existing_run <- function(run_id) {
  run_id <- if (is.null(run_id)) active_run_id() else check_run_id(run_id)
  if (is.null(run_id)) {
    stop(new_error("FAILED_PRECONDITION", "no run is active: give run_id", "NO_ACTIVE_RUN"))
  }
  run_id
}

forget_run <- function(run_id) {
  session$active <- setdiff(session$active, run_id)
  if (!is.null(session$buffers[[run_id]])) {
    rm(list = run_id, envir = session$buffers)
  }
}
