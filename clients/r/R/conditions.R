# Errors as conditions of R, with the classes of the status that gRPC has for them.

#' Errors
#'
#' An error is a condition of the class `runstream_error`, and of one that says what kind it is:
#'
#' | class | means |
#' |---|---|
#' | `runstream_invalid_argument` | a value breaks a rule; `metadata` names field, value and limit |
#' | `runstream_not_found` | there is no such experiment, run, tag or file |
#' | `runstream_already_exists` | the name or id is taken |
#' | `runstream_failed_precondition` | it is not in a state that allows this: a deleted run |
#' | `runstream_aborted` | somebody else has changed it meanwhile |
#' | `runstream_resource_exhausted` | over a limit of size or number |
#' | `runstream_permission_denied`, `runstream_unauthenticated` | who calls may not, or is not known |
#' | `runstream_deadline_exceeded` | a read took too long |
#' | `runstream_unavailable` | the server cannot be reached now; the same call may work later |
#' | `runstream_data_loss` | what is stored is damaged |
#' | `runstream_unimplemented`, `runstream_internal` | the server does not have it; the server failed |
#'
#' Each has the fields `message`, `code` (the name of the status), `reason` (what is wrong, for
#' programs), `metadata` (a named list of texts) and `request_id`.
#'
#' @name runstream_error
#' @examples
#' tryCatch(
#'   runstream_log_metric("loss/", 0.5),
#'   runstream_invalid_argument = function(error) error$metadata$field
#' )
NULL

CODES <- c(
  INVALID_PARAMETER_VALUE = "INVALID_ARGUMENT", BAD_REQUEST = "INVALID_ARGUMENT",
  RESOURCE_DOES_NOT_EXIST = "NOT_FOUND", ENDPOINT_NOT_FOUND = "NOT_FOUND",
  RESOURCE_ALREADY_EXISTS = "ALREADY_EXISTS", ABORTED = "ABORTED",
  RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED", UNAUTHENTICATED = "UNAUTHENTICATED",
  PERMISSION_DENIED = "PERMISSION_DENIED", TEMPORARILY_UNAVAILABLE = "UNAVAILABLE",
  DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED", DATA_LOSS = "DATA_LOSS",
  NOT_IMPLEMENTED = "UNIMPLEMENTED", INTERNAL_ERROR = "INTERNAL"
)

# REST tells these as INVALID_PARAMETER_VALUE, which is MLflow's word for them.
PRECONDITIONS <- c(
  "RUN_DELETED", "EXPERIMENT_DELETED", "RUN_ACTIVE", "ARTIFACT_REPLACED", "PATH_CONFLICT",
  "FILE_CHANGED", "FAILED_PRECONDITION"
)

# What answers in place of the server, such as a proxy, has a status alone.
CODES_BY_STATUS <- c(
  "401" = "UNAUTHENTICATED", "403" = "PERMISSION_DENIED", "404" = "NOT_FOUND", "409" = "ABORTED",
  "413" = "RESOURCE_EXHAUSTED", "429" = "RESOURCE_EXHAUSTED", "501" = "UNIMPLEMENTED",
  "502" = "UNAVAILABLE", "503" = "UNAVAILABLE", "504" = "UNAVAILABLE"
)

new_error <- function(code, message, reason = code, metadata = list(), request_id = "") {
  structure(
    class = c(paste0("runstream_", tolower(code)), "runstream_error", "error", "condition"),
    list(
      message = message, call = NULL, code = code, reason = reason, metadata = metadata,
      request_id = request_id
    )
  )
}

raise_invalid <- function(reason, field, value, format, ...) {
  value <- substr(paste(as.character(value), collapse = " "), 1, 200)
  metadata <- list(field = field, value = value)
  stop(new_error("INVALID_ARGUMENT", sprintf(format, ...), reason, metadata))
}

# Returns the error that an answer of the server tells.
response_error <- function(response) {
  status <- as.character(httr2::resp_status(response))
  body <- if (length(response$body)) tryCatch(read_json(response), error = function(error) NULL)
  if (!is.list(body) || is.null(body$error_code)) {
    code <- if (status %in% names(CODES_BY_STATUS)) CODES_BY_STATUS[[status]] else "INTERNAL"
    text <- sprintf("%s answered %s, which is no answer of Runstream", response$url, status)
    return(new_error(code, text, "HTTP_STATUS", list(status = status)))
  }
  body_error(body)
}

# Returns the error of the JSON of one.
body_error <- function(body) {
  code <- if (body$error_code %in% names(CODES)) CODES[[body$error_code]] else "INTERNAL"
  reason <- if (is.null(body$reason)) code else body$reason
  if (code == "INVALID_ARGUMENT" && reason %in% PRECONDITIONS) {
    code <- "FAILED_PRECONDITION"
  }
  new_error(code, body$message, reason, as.list(body$metadata), body$request_id)
}

# Returns an error with more in its text; class and fields stay.
add_to_error <- function(error, text) {
  error$message <- paste0(error$message, "; ", text)
  error
}
