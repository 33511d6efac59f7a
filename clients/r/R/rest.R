# Requests to the REST API: who calls, TLS, and what is sent again.

MLFLOW <- "/api/2.0/mlflow/"
RUNSTREAM <- "/api/1.0/runstream/"

# Seconds for which a call is repeated while the server cannot be reached, and for which an answer
# is waited.
deadline_seconds <- function() {
  seconds <- getOption("runstream.deadline", 30)
  if (!is.numeric(seconds) || length(seconds) != 1 || is.na(seconds) || seconds <= 0) {
    raise_invalid(
      "DEADLINE_MALFORMED", "runstream.deadline", seconds,
      "the option runstream.deadline is seconds, more than 0"
    )
  }
  seconds
}

get_json <- function(path, query = list()) {
  read_json(perform(add_query(new_request(path), query)))
}

# Every call with a body may be sent again: what it writes has an id of its own, or is stored once.
post_json <- function(path, body, seconds = deadline_seconds()) {
  request <- new_request(path)
  text <- jsonlite::toJSON(body, auto_unbox = TRUE, null = "null")
  request <- httr2::req_body_raw(request, charToRaw(enc2utf8(text)), type = "application/json")
  read_json(perform(request, seconds))
}

# Calls that change something whose order matters name their write, so that one that is sent again
# does not undo what came between.
write_json <- function(.route, ...) {
  post_json(.route, c(drop_null(list(...)), list(write = list(writer = random_id(), sequence = "1"))))
}

drop_null <- function(fields) fields[!vapply(fields, is.null, NA)]

read_json <- function(response) parse_json(httr2::resp_body_string(response, "UTF-8"))

# Integers beyond 2^53 stay texts.
parse_json <- function(text) jsonlite::fromJSON(text, simplifyVector = FALSE, bigint_as_char = TRUE)

add_query <- function(request, query) {
  query <- drop_null(query)
  if (length(query)) do.call(httr2::req_url_query, c(list(request), query)) else request
}

new_request <- function(path) {
  request <- httr2::request(paste0(runstream_get_tracking_uri(), path))
  request <- httr2::req_user_agent(request, "runstream-r/0.1.0")
  request <- httr2::req_error(request, is_error = function(response) FALSE)
  # Repeating is done by `perform`; httr2 would pause after the only attempt.
  request <- httr2::req_retry(request, max_tries = 1, backoff = function(attempt) 0)
  token <- read_token()
  if (nzchar(token)) {
    request <- httr2::req_auth_bearer_token(request, token)
  }
  files <- Sys.getenv(c("RUNSTREAM_CA", "RUNSTREAM_CLIENT_CERT", "RUNSTREAM_CLIENT_KEY"))
  files <- stats::setNames(path.expand(files), c("cainfo", "sslcert", "sslkey"))
  files <- as.list(files[nzchar(files)])
  if (length(files)) do.call(httr2::req_options, c(list(request), files)) else request
}

read_token <- function() {
  token <- Sys.getenv("RUNSTREAM_TOKEN")
  file <- Sys.getenv("RUNSTREAM_TOKEN_FILE")
  if (nzchar(token) || !nzchar(file)) {
    return(trimws(token))
  }
  if (!file.exists(file)) {
    raise_invalid(
      "TOKEN_FILE_MISSING", "RUNSTREAM_TOKEN_FILE", file, "RUNSTREAM_TOKEN_FILE: there is no %s", file
    )
  }
  trimws(paste(readLines(file, n = 1, warn = FALSE), collapse = ""))
}

# Performs a request until it is answered, or its time is over. A refusal is raised at once.
#
# `file` is where the body of an answer goes, in place of memory. A `transfer` may take as long as
# bytes come.
perform <- function(request, seconds = deadline_seconds(), file = NULL, transfer = FALSE) {
  ends <- elapsed() + seconds
  pause <- 0.1
  repeat {
    left <- max(1, ends - elapsed())
    if (transfer) {
      timed <- httr2::req_options(request, low_speed_limit = 1, low_speed_time = SILENT_SECONDS, connecttimeout = left)
    } else {
      timed <- httr2::req_timeout(request, left)
    }
    answer <- perform_once(timed, file)
    if (!inherits(answer, "runstream_error")) {
      return(answer)
    }
    # 429 of a server that holds too much; other limits are answered by 400.
    again <- answer$code %in% c("UNAVAILABLE", "RESOURCE_EXHAUSTED") && !is_tls_fault(answer)
    if (!again || elapsed() + pause > ends) {
      stop(answer)
    }
    Sys.sleep(pause)
    pause <- min(2 * pause, 5)
  }
}

# Returns the answer, or the error.
perform_once <- function(request, file) {
  answer <- tryCatch(httr2::req_perform(request, path = file), error = identity)
  if (inherits(answer, "condition")) {
    cause <- if (is.null(answer$parent)) answer else answer$parent
    text <- sprintf("%s cannot be reached: %s", runstream_get_tracking_uri(), conditionMessage(cause))
    return(new_error("UNAVAILABLE", text, "SERVER_NOT_REACHED"))
  }
  if (httr2::resp_status(answer) < 400) answer else response_error(answer)
}

is_tls_fault <- function(error) {
  error$reason == "SERVER_NOT_REACHED" && grepl("SSL|certificate|TLS", error$message)
}

elapsed <- function() proc.time()[["elapsed"]]

# 32 hexadecimal digits that leave the seed of the program alone.
random_id <- function() paste(as.character(openssl::rand_bytes(16)), collapse = "")
