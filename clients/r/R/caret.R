# Models that caret trained.

#' Log a training of caret
#'
#' Logs what [caret::train()] found: the method, the number of resamples and the best tuning values as
#' params (`caret.method`, `best.cp`), and for each candidate, a step of its own in the order of
#' `fit$results`, its tuning values and its statistics as metrics (`tune/cp`, `RMSE`, `RMSESD`).
#' Statistics that caret could not compute are left out.
#'
#' @param fit what `caret::train` returns.
#' @inheritParams runstream_log_metric
#' @return `fit`, invisibly.
#' @examples
#' \dontrun{
#' with(runstream_start_run(), {
#'   fit <- caret::train(dist ~ speed, cars, method = "knn", tuneLength = 5)
#'   runstream_log_caret(fit)
#' })
#' }
#' @export
runstream_log_caret <- function(fit, run_id = NULL) {
  if (!inherits(fit, "train") || !is.data.frame(fit$results)) {
    raise_invalid("NO_CARET_TRAINING", "fit", class(fit)[[1]], "fit has to be what caret::train returns")
  }
  best <- as.list(fit$bestTune)
  names(best) <- sprintf("best.%s", names(best))
  params <- c(list(caret.method = fit$method, caret.metric = fit$metric, caret.resamples = NROW(fit$resample)), best)
  columns <- fit$results[vapply(fit$results, is.numeric, NA)]
  names(columns) <- ifelse(names(columns) %in% names(fit$bestTune), paste0("tune/", names(columns)), names(columns))
  metrics <- data.frame(
    key = rep(names(columns), each = nrow(columns)), value = as.double(unlist(columns, use.names = FALSE)),
    step = rep(seq_len(nrow(columns)), length(columns))
  )
  runstream_log_batch(metrics[!is.na(metrics$value), ], params, run_id = run_id)
  invisible(fit)
}
