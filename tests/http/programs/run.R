# Logs a run as MLflow's R client sends it: every scalar is a text, numbers in R's notation.
library(httr2)
library(jsonlite)

uri <- paste0(Sys.getenv("MLFLOW_TRACKING_URI"), "/api/2.0/mlflow/")

call <- function(path, data = NULL, query = NULL) {
  asked <- req_error(request(paste0(uri, path)), is_error = function(answer) FALSE)
  if (is.null(data)) {
    asked <- do.call(req_url_query, c(list(asked), query))
  } else {
    asked <- req_body_raw(asked, toJSON(data, auto_unbox = TRUE), type = "application/json")
  }
  answer <- req_perform(asked)
  told <- fromJSON(resp_body_string(answer), simplifyVector = FALSE)
  list(status = resp_status(answer), body = told)
}

done <- function(...) {
  answer <- call(...)
  stopifnot(answer$status == 200)
  answer$body
}

milliseconds <- as.character(1.7e+12)
stopifnot(milliseconds == "1.7e+12")
experiment <- done("experiments/create", list(name = "from R"))$experiment_id
tags <- list(list(key = "mlflow.user", value = "ada"))
run <- done("runs/create", list(
  experiment_id = experiment, user_id = "ada", start_time = milliseconds, tags = tags
))$run
id <- run$info$run_uuid
stopifnot(run$info$start_time == 1.7e+12)
for (step in 0:4) {
  done("runs/log-metric", list(
    run_uuid = id, run_id = id, key = "loss", value = as.character(1 / (step + 1)),
    timestamp = milliseconds, step = as.character(step)
  ))
}
done("runs/log-metric", list(
  run_id = id, key = "nan", value = "NaN", timestamp = milliseconds, step = "0"
))
done("runs/log-parameter", list(run_uuid = id, run_id = id, key = "lr", value = "0.1"))
done("runs/set-tag", list(run_uuid = id, run_id = id, key = "stage", value = "trial"))
metrics <- list(list(key = "m", value = "-Infinity", timestamp = milliseconds, step = "1"))
params <- list(list(key = "p", value = "1"))
done("runs/log-batch", list(run_id = id, metrics = metrics, params = params, tags = list()))
done("runs/update", list(run_uuid = id, run_id = id, status = "FINISHED", end_time = "1.8e+12"))

stored <- done("runs/get", query = list(run_uuid = id, run_id = id))$run
stopifnot(stored$info$status == "FINISHED", stored$info$end_time == 1.8e+12)
history <- done("metrics/get-history", query = list(run_id = id, metric_key = "loss"))$metrics
stopifnot(length(history) == 5, history[[5]]$value == 0.2)
missing <- call("runs/get", query = list(run_id = strrep("f", 32)))
stopifnot(missing$status == 404, missing$body$error_code == "RESOURCE_DOES_NOT_EXIST")
cat(id, "\n")
