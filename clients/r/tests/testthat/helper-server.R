# A new experiment of the server, which the environment names.
new_experiment_id <- function() {
  testthat::skip_if(!nzchar(Sys.getenv("RUNSTREAM_TRACKING_URI")), "RUNSTREAM_TRACKING_URI names no server")
  runstream_set_experiment(paste("R", basename(tempfile(""))))
}

# A new run that is not active.
new_run_id <- function() {
  new_experiment_id()
  run <- runstream_start_run()
  runstream_end_run()
  run$run_id
}

latest <- function(run, key) run$metrics$value[run$metrics$key == key]
