test_that("a block ends its run as it ends", {
  new_experiment_id()
  expect_equal(with(runstream_start_run(run_name = "well"), 1 + 1), 2)
  expect_error(with(runstream_start_run(run_name = "badly"), stop("on purpose")), "on purpose")
  interrupt <- structure(class = c("interrupt", "condition"), list(message = "", call = NULL))
  tryCatch(with(runstream_start_run(run_name = "stopped"), signalCondition(interrupt)), interrupt = identity)
  leave <- function() with(runstream_start_run(run_name = "left"), return(3))
  expect_equal(leave(), 3)
  with(runstream_start_run(run_name = "caught"), try(stop("caught"), silent = TRUE))
  runs <- runstream_search_runs()
  expect_equal(
    runs$status[match(c("well", "badly", "stopped", "left", "caught"), runs$run_name)],
    c("FINISHED", "FAILED", "KILLED", "FINISHED", "FINISHED")
  )
  expect_null(runstream_active_run())
})

test_that("nested runs are children, and another run waits for the active one", {
  new_experiment_id()
  with(parent <- runstream_start_run(), {
    expect_error(runstream_start_run(), "active already", class = "runstream_failed_precondition")
    child <- runstream_start_run(nested = TRUE, tags = list(mine = "x"))
    expect_equal(runstream_active_run()$run_id, child$run_id)
    runstream_end_run("KILLED")
    expect_equal(runstream_active_run()$run_id, parent$run_id)
  })
  tags <- runstream_get_run(child)$tags
  expect_equal(tags$value[match(c("mlflow.parentRunId", "mine"), tags$key)], c(parent$run_id, "x"))
  expect_equal(runstream_get_run(child)$status, "KILLED")
})

test_that("a run is resumed, deleted and restored", {
  id <- new_run_id()
  with(runstream_start_run(id), expect_equal(runstream_get_run()$status, "RUNNING"))
  run <- runstream_get_run(id)
  expect_equal(run$status, "FINISHED")
  expect_s3_class(run$end_time, "POSIXct")
  expect_lt(abs(as.double(run$end_time) - as.double(Sys.time())), 3600)
  runstream_delete_run(run)
  expect_equal(runstream_get_run(id)$lifecycle_stage, "deleted")
  expect_error(runstream_log_param("a", 1, id), class = "runstream_failed_precondition")
  runstream_restore_run(id)
  expect_equal(runstream_get_run(id)$lifecycle_stage, "active")
})

test_that("experiments are created, found, changed, deleted and restored", {
  id <- new_experiment_id()
  name <- runstream_get_experiment(id)$name
  expect_equal(runstream_set_experiment(name), id)
  expect_error(runstream_create_experiment(name), class = "runstream_already_exists")
  runstream_set_experiment_tag("team", "\u00fc", id)
  expect_equal(runstream_get_experiment(id)$tags, data.frame(key = "team", value = "\u00fc"))
  runstream_rename_experiment(paste(name, "b"), id)
  runstream_delete_experiment(id)
  expect_false(id %in% runstream_search_experiments()$experiment_id)
  runstream_restore_experiment(id)
  found <- runstream_search_experiments(sprintf("name = '%s b'", name))
  expect_equal(found$experiment_id, id)
  expect_error(runstream_get_experiment(), "either", class = "runstream_invalid_argument")
})

test_that("an error has class, reason and particulars", {
  new_experiment_id()
  error <- tryCatch(runstream_get_run(strrep("f", 32)), runstream_not_found = identity)
  expect_equal(error$code, "NOT_FOUND")
  expect_equal(error$reason, "RUN_NOT_FOUND")
  expect_equal(error$metadata$field, "run_id")
  expect_true(nzchar(error$request_id))
})
