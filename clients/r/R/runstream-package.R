#' runstream: record machine-learning experiments
#'
#' The functions have the names of MLflow's R client, with `runstream_` in front. A first run:
#'
#' ```
#' runstream_set_tracking_uri("http://127.0.0.1:5000")
#' with(runstream_start_run(), {
#'   runstream_log_param("rate", 0.1)
#'   runstream_log_metric("loss", 0.5, step = 1)
#' })
#' runstream_search_runs()
#' ```
#'
#' Calls end in 30 seconds if the server cannot be reached, or in as many as the option
#' `runstream.deadline` says; transfers of files go on as long as bytes come.
#'
#' @keywords internal
"_PACKAGE"
