# Points that wait to be sent, for each run that has some.

# A buffer is sent when it has so many points, or when its first is so old at the next call.
FLUSH_POINTS <- 1000L
FLUSH_SECONDS <- 5

# Points that wait while the server is away; then a call that logs fails, and its points are not kept.
MAX_POINTS <- 100000L

# Seconds for which a call that logs tries to send, while there is room.
BACKGROUND_SECONDS <- 2

# Returns the buffer of a run: `parts` has what each call added, `latest` the last step and time of
# each key.
run_buffer <- function(run_id) {
  if (is.null(session$buffers[[run_id]])) {
    buffer <- new.env(parent = emptyenv())
    buffer$run_id <- run_id
    buffer$latest <- new.env(parent = emptyenv())
    buffer$warned <- FALSE
    empty_buffer(buffer)
    session$buffers[[run_id]] <- buffer
  }
  session$buffers[[run_id]]
}

empty_buffer <- function(buffer) {
  buffer$parts <- list()
  buffer$count <- 0L
  buffer$due <- Inf
}

# Adds points, and sends the buffer if it is time to.
add_points <- function(buffer, points) {
  added <- length(points$key)
  if (buffer$count && buffer$count + added > MAX_POINTS) {
    flush_buffer(buffer)
  }
  if (!buffer$count) {
    buffer$due <- elapsed() + FLUSH_SECONDS
  }
  buffer$parts[[length(buffer$parts) + 1L]] <- points
  buffer$count <- buffer$count + added
  is_full <- buffer$count >= FLUSH_POINTS && !buffer$warned
  if (is_full || elapsed() >= buffer$due) {
    flush_in_background(buffer)
  }
}

# Tries to send; while the server cannot be reached, says so once and leaves it to a later call.
flush_in_background <- function(buffer) {
  tryCatch(
    flush_buffer(buffer, min(BACKGROUND_SECONDS, deadline_seconds())),
    runstream_unavailable = function(error) {
      buffer$due <- elapsed() + FLUSH_SECONDS
      if (!buffer$warned) {
        buffer$warned <- TRUE
        warning(conditionMessage(error), "; they are kept and sent later", call. = FALSE)
      }
    }
  )
}

# Sends all points of a run. Those that could not be sent stay; those that are refused do not, as
# they would be refused again.
flush_buffer <- function(buffer, seconds = deadline_seconds()) {
  if (!buffer$count) {
    return(invisible())
  }
  columns <- c("key", "step", "timestamp", "value")
  points <- lapply(stats::setNames(columns, columns), function(name) {
    unlist(lapply(buffer$parts, `[[`, name), use.names = FALSE)
  })
  send_points(buffer$run_id, points, seconds, function(error, stored) {
    rest <- lapply(points, `[`, seq.int(stored + 1, buffer$count))
    if (!inherits(error, "runstream_unavailable")) {
      empty_buffer(buffer)
    } else {
      buffer$parts <- list(rest)
      buffer$count <- length(rest$key)
    }
    stop(add_to_error(error, missing_points(buffer$run_id, rest$key)))
  })
  empty_buffer(buffer)
  buffer$warned <- FALSE
  invisible()
}

missing_points <- function(run_id, keys) {
  sprintf("%d points of run %s are not stored: %s", length(keys), run_id, some(keys))
}

# Returns now, or later than the last time of a key if that is of the same step: the point that is
# logged last is the latest.
next_timestamp <- function(buffer, key, step) {
  time <- now()
  last <- buffer$latest[[key]]
  if (!is.null(last) && last$step == step && last$time >= time) {
    time <- last$time + 1
  }
  buffer$latest[[key]] <- list(step = step, time = time)
  time
}

#' Send what is buffered
#'
#' Points of metrics wait in a buffer until there are 1,000, until one of them is 5 seconds old at the
#' next call, and until the run or the session ends. This sends them now, and returns when they are on
#' disk. While the server cannot be reached they stay in the buffer, up to 100,000.
#'
#' @param run_id a run; all runs of this session, if `NULL`.
#' @return `NULL`, invisibly.
#' @seealso [runstream_error] for what is raised.
#' @examples
#' runstream_flush() # nothing waits
#' @export
runstream_flush <- function(run_id = NULL) {
  ids <- if (is.null(run_id)) ls(session$buffers) else check_run_id(run_id)
  for (id in ids) {
    if (!is.null(session$buffers[[id]])) flush_buffer(session$buffers[[id]])
  }
  invisible()
}
