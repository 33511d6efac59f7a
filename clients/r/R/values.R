# What callers give as texts of the wire, which keep every digit.

MAX_EXACT <- 2^53
KEY_CHARACTERS <- 250L
VALUE_CHARACTERS <- 65536L

# Returns values of metrics as texts with every digit. NA is no number, unlike NaN.
value_texts <- function(values, field = "value") {
  if (is.factor(values) || !(is.numeric(values) || is.logical(values))) {
    raise_invalid(
      "VALUE_NOT_A_NUMBER", field, values[0:1], "%s has to be numeric, it is %s", field, class(values)[[1]]
    )
  }
  values <- as_doubles(values)
  missing <- which(is.na(values) & !is.nan(values))
  if (length(missing)) {
    raise_invalid(
      "VALUE_MISSING", field, "NA",
      "%s is NA in row %d (%d in all): NA is no value of a metric; leave it out, or log NaN",
      field, missing[[1]], length(missing)
    )
  }
  texts <- sprintf("%.17g", values)
  texts[is.nan(values)] <- "NaN"
  texts[values == Inf] <- "Infinity"
  texts[values == -Inf] <- "-Infinity"
  texts
}

as_doubles <- function(values) {
  if (inherits(values, "integer64")) {
    return(as.double(integer64_texts(values)))
  }
  as.double(values)
}

# bit64 keeps 64 bits in doubles, of which only bit64 itself can make numbers.
integer64_texts <- function(values) {
  if (!requireNamespace("bit64", quietly = TRUE)) {
    raise_invalid("BIT64_MISSING", "value", "integer64", "values of integer64 need the package bit64")
  }
  as.character(values)
}

# Returns steps, or milliseconds, as texts: numbers up to 2^53, texts of digits, integer64.
integer_texts <- function(values, field) {
  if (inherits(values, "integer64")) {
    values <- integer64_texts(values)
  }
  if (is.character(values)) {
    return(check_digits(values, field))
  }
  if (is.factor(values) || !(is.numeric(values) || is.logical(values))) {
    raise_invalid(
      "INTEGER_MALFORMED", field, values[0:1], "%s has to be an integer, it is %s", field, class(values)[[1]]
    )
  }
  bad <- which(is.na(values) | values != trunc(values) | abs(values) > MAX_EXACT)
  if (length(bad)) {
    value <- format(values[[bad[[1]]]], digits = 17)
    raise_invalid(
      "INTEGER_MALFORMED", field, value,
      "%s is %s: it has to be an integer; beyond 2^53 give it as a text, or as integer64 of bit64", field, value
    )
  }
  sprintf("%.0f", values)
}

check_digits <- function(texts, field) {
  bad <- which(is.na(texts) | !grepl("^-?[0-9]{1,19}$", texts))
  if (length(bad)) {
    raise_invalid(
      "INTEGER_MALFORMED", field, texts[[bad[[1]]]], "%s is '%s': it has to be an integer of 64 bits",
      field, texts[[bad[[1]]]]
    )
  }
  texts
}

# Returns milliseconds since the epoch of times, which may be of POSIXct, too.
timestamp_texts <- function(times, field = "timestamp") {
  if (inherits(times, "POSIXt")) {
    times <- round(1000 * as.double(as.POSIXct(times)))
  }
  texts <- integer_texts(times, field)
  negative <- startsWith(texts, "-") & texts != "-0"
  if (any(negative)) {
    text <- texts[negative][[1]]
    raise_invalid("TIMESTAMP_NEGATIVE", field, text, "%s is %s: it must not be negative", field, text)
  }
  texts
}

now <- function() round(1000 * as.double(Sys.time()))

# Returns the text of one value of a param or tag. Numbers have as few digits as tell them apart.
param_text <- function(value, field) {
  if (length(value) != 1 || is.list(value)) {
    raise_invalid(
      "VALUE_NOT_ONE", field, "", "%s has %d values: it takes one; join them by toString(), for example",
      field, length(value)
    )
  }
  if (is.na(value) && !is.nan(value)) {
    raise_invalid("VALUE_MISSING", field, "NA", "%s is NA: leave it out, or give a text", field)
  }
  check_length(to_text(value), field)
}

to_text <- function(value) {
  if (inherits(value, "integer64")) {
    integer64_texts(value)
  } else if (inherits(value, "POSIXt")) {
    format(value, "%Y-%m-%dT%H:%M:%OS3Z", tz = "UTC")
  } else if (is.object(value) || !is.double(value)) {
    enc2utf8(as.character(value))
  } else {
    double_text(value)
  }
}

double_text <- function(value) {
  if (!is.finite(value)) {
    return(if (is.nan(value)) "NaN" else if (value > 0) "Infinity" else "-Infinity")
  }
  if (value == trunc(value) && abs(value) < 1e15) {
    return(sprintf("%.0f", value))
  }
  for (digits in 15:17) {
    text <- sprintf("%.*g", digits, value)
    if (as.double(text) == value) break
  }
  text
}

# Returns `values`, a named list or vector, as texts; the fields of errors begin with `kind`.
named_texts <- function(values, kind) {
  if (!length(values)) {
    return(stats::setNames(character(), character()))
  }
  if (is.null(names(values))) {
    raise_invalid("NAMES_MISSING", kind, "", "%s have to be named", kind)
  }
  keys <- check_keys(names(values), kind)
  texts <- vapply(seq_along(keys), function(i) param_text(values[[i]], paste0(kind, ".", keys[[i]])), "")
  stats::setNames(texts, keys)
}

check_length <- function(text, field) {
  if (nchar(text) > VALUE_CHARACTERS) {
    raise_invalid(
      "VALUE_TOO_LONG", field, text, "%s has %d characters, and %d are the limit",
      field, nchar(text), VALUE_CHARACTERS
    )
  }
  text
}

# Keys of metrics, params and tags (M1).
check_keys <- function(keys, field = "key") {
  if (!is.character(keys) && !is.factor(keys)) {
    raise_invalid("KEY_MALFORMED", field, keys[0:1], "%s has to be a text, it is %s", field, class(keys)[[1]])
  }
  keys <- enc2utf8(as.character(keys))
  distinct <- unique(keys)
  bad <- which(!is_key(distinct))
  if (length(bad)) {
    raise_invalid(
      "KEY_MALFORMED", field, distinct[[bad[[1]]]],
      "%s is '%s': it has 1 to %d characters, no control characters, and names between slashes that are not . or ..",
      field, distinct[[bad[[1]]]], KEY_CHARACTERS
    )
  }
  keys
}

is_key <- function(keys) {
  good <- !is.na(keys) & validUTF8(keys)
  good[good] <- nchar(keys[good]) %in% 1:KEY_CHARACTERS &
    !grepl("[\\x01-\\x1f\u007f-\u009f\u2028\u2029]", keys[good], perl = TRUE) &
    !grepl("(^|/)\\.{0,2}(/|$)", keys[good], perl = TRUE)
  good
}

check_text <- function(value, field) {
  if (!is.character(value) || length(value) != 1 || is.na(value) || !nzchar(value)) {
    raise_invalid("TEXT_MISSING", field, value, "%s has to be one text that is not empty", field)
  }
  enc2utf8(value)
}

check_run_id <- function(run_id) {
  if (inherits(run_id, "runstream_run")) {
    run_id <- run_id$run_id
  }
  check_text(run_id, "run_id")
}
