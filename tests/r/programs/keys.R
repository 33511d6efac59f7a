# `keys.R FILE` stops unless the keys of a file of JSON are allowed and refused as it says.
library(runstream)

lines <- readLines(commandArgs(trailingOnly = TRUE)[[1]], encoding = "UTF-8", warn = FALSE)
keys <- jsonlite::fromJSON(paste(lines, collapse = "\n"))
id <- runstream_start_run()$run_id
for (key in keys$allowed) {
  runstream_log_metric(key, 1)
  runstream_log_param(key, 1)
}
for (key in keys$refused) {
  for (log in list(runstream_log_metric, runstream_log_param, runstream_set_tag)) {
    error <- tryCatch(log(key, 1), runstream_invalid_argument = identity)
    stopifnot(error$reason == "KEY_MALFORMED")
  }
}
runstream_end_run()
cat(id)
