# What a session of R knows: its server, its experiment, its active runs and their buffers.

session <- new.env(parent = emptyenv())

reset_session <- function() {
  session$uri <- NULL
  session$experiment_id <- NULL
  session$active <- character()
  session$buffers <- new.env(parent = emptyenv())
  session$launched_run_taken <- FALSE
}

.onLoad <- function(libname, pkgname) {
  reset_session()
  session$process <- Sys.getpid()
  reg.finalizer(session, end_session, onexit = TRUE)
}

# Sends what is buffered and ends the runs that are still active. A forked child leaves the runs to
# its parent. Nothing may be raised here: R prints it where nobody looks.
end_session <- function(session) {
  if (!identical(session$process, Sys.getpid())) {
    return(invisible())
  }
  status <- if (failed_before_its_end()) "FAILED" else "FINISHED"
  for (run_id in rev(session$active)) {
    tryCatch(
      runstream_end_run(status, run_id = run_id),
      error = function(error) message("runstream: ", conditionMessage(error))
    )
  }
  for (run_id in ls(session$buffers)) {
    tryCatch(
      flush_buffer(session$buffers[[run_id]]),
      error = function(error) message("runstream: ", conditionMessage(error))
    )
  }
}

# Whether an error ends this program: R has told of one since it last completed what stands at the top
# of the program. Errors that the program caught before are told of, too.
failed_before_its_end <- function() {
  !interactive() && !identical(session$settled_error, geterrmessage())
}

# Remembers the last error whenever R has completed what stands at the top of a program.
watch_program <- function() {
  if (interactive() || "runstream" %in% getTaskCallbackNames()) {
    return()
  }
  session$settled_error <- geterrmessage()
  remember <- function(...) {
    session$settled_error <- geterrmessage()
    TRUE
  }
  addTaskCallback(remember, name = "runstream")
}

#' The tracking URI
#'
#' The address of the HTTP port of a server, such as `http://127.0.0.1:5000` or
#' `https://ml.example.org:5000`. What is not set by this function is `RUNSTREAM_TRACKING_URI`, else
#' `MLFLOW_TRACKING_URI`, of which those count that begin with `http`, else `http://127.0.0.1:5000`.
#'
#' A token is taken from `RUNSTREAM_TOKEN`, or from the file that `RUNSTREAM_TOKEN_FILE` names.
#' `RUNSTREAM_CA` names the file of an authority of your own, `RUNSTREAM_CLIENT_CERT` and
#' `RUNSTREAM_CLIENT_KEY` the files of a certificate of the client.
#'
#' @param uri the address; `NULL` for what the environment says.
#' @return `runstream_get_tracking_uri` returns the address that is used,
#'   `runstream_set_tracking_uri` the same, invisibly.
#' @examples
#' runstream_set_tracking_uri("http://127.0.0.1:5000")
#' runstream_get_tracking_uri()
#' runstream_set_tracking_uri(NULL)
#' @export
runstream_set_tracking_uri <- function(uri) {
  if (!is.null(uri)) {
    uri <- check_uri(check_text(uri, "uri"), "uri")
  }
  if (!identical(uri, session$uri)) {
    session$experiment_id <- NULL
  }
  session$uri <- uri
  invisible(runstream_get_tracking_uri())
}

#' @rdname runstream_set_tracking_uri
#' @export
runstream_get_tracking_uri <- function() {
  if (!is.null(session$uri)) {
    return(session$uri)
  }
  named <- Sys.getenv(c("RUNSTREAM_TRACKING_URI", "MLFLOW_TRACKING_URI"))
  named <- named[nzchar(named)]
  usable <- grepl("^https?://", named)
  if (any(usable)) {
    return(check_uri(named[usable][[1]], names(named)[usable][[1]]))
  }
  if (length(named)) {
    return(check_uri(named[[1]], names(named)[[1]]))
  }
  "http://127.0.0.1:5000"
}

check_uri <- function(uri, field) {
  if (!grepl("^https?://[^/]+", uri)) {
    raise_invalid(
      "TRACKING_URI_MALFORMED", field, uri,
      "%s is '%s': R speaks to the HTTP port of a server, so it has to be http://host:port or https://host:port",
      field, uri
    )
  }
  sub("/+$", "", uri)
}
