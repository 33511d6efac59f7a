# Logs 2,000 points, 2,000 more when a line comes, and ends when another comes.
library(runstream)
options(runstream.deadline = as.double(Sys.getenv("DEADLINE", "60")), warn = 1)

input <- file("stdin", "r")
run <- runstream_start_run()
for (step in 1:2000) runstream_log_metric("loss", 1 / step, step = step)
cat(run$run_id, "\n")
invisible(readLines(input, 1))
for (step in 2001:4000) runstream_log_metric("loss", 1 / step, step = step)
cat("logged\n")
invisible(readLines(input, 1))
ended <- tryCatch({ runstream_end_run(); "ended" }, runstream_unavailable = conditionMessage)
cat(ended, "\n")
