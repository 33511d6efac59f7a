test_that("points wait in a buffer, and whoever reads has them", {
  new_experiment_id()
  with(run <- runstream_start_run(), {
    for (step in 1:2500) runstream_log_metric("loss", 1 / step, step = step)
    expect_equal(run_buffer(run$run_id)$count, 500)
    expect_equal(latest(runstream_get_run(), "loss"), 1 / 2500)
    expect_equal(run_buffer(run$run_id)$count, 0)
  })
  history <- runstream_get_metric_history("loss", run)
  expect_identical(history$value, 1 / 1:2500)
  expect_identical(history$step, as.double(1:2500))
})

test_that("an old point is sent by the next call", {
  new_experiment_id()
  with(run <- runstream_start_run(), {
    runstream_log_metric("a", 1)
    buffer <- run_buffer(run$run_id)
    expect_equal(buffer$count, 1)
    buffer$due <- 0
    runstream_log_metric("a", 2)
    expect_equal(buffer$count, 0)
  })
})

test_that("the point that is logged last is the latest", {
  new_experiment_id()
  with(run <- runstream_start_run(), for (value in 100:1) runstream_log_metric("a", value))
  expect_equal(latest(runstream_get_run(run), "a"), 1)
  expect_equal(nrow(runstream_get_metric_history("a", run)), 100)
})

test_that("every double comes back exactly", {
  id <- new_run_id()
  values <- c(0.1, 1 / 3, 5e-324, -.Machine$double.xmax, NaN, Inf, -Inf, 0)
  runstream_log_metric("x", values, timestamp = 5, step = seq_along(values), run_id = id)
  history <- runstream_get_metric_history("x", id)
  expect_identical(history$value, values)
  expect_equal(history$timestamp, rep(5, length(values)))
  runstream_log_metric("inf", -Inf, run_id = id)
  run <- runstream_get_run(id)
  expect_identical(latest(run, "inf"), -Inf)
  expect_identical(runstream_search_runs()$metrics.inf, -Inf)
  expect_equal(nrow(runstream_get_metric_history("none", id)), 0)
})

test_that("data frames of any size go in and come out", {
  id <- new_run_id()
  count <- 40000
  metrics <- data.frame(key = rep(c("a", "b"), each = count), value = stats::rnorm(2 * count), step = seq_len(count))
  params <- data.frame(key = c("rate", "kind"), value = factor(c("0.1", "tree")))
  runstream_log_batch(metrics, params, tags = list(note = "\u5b66\u7fd2"), run_id = id)
  expect_identical(runstream_get_metric_history("b", id)$value, metrics$value[metrics$key == "b"])
  run <- runstream_get_run(id)
  expect_equal(run$params, data.frame(key = c("kind", "rate"), value = c("tree", "0.1")))
  expect_equal(run$tags$value[run$tags$key == "note"], "\u5b66\u7fd2")
})

test_that("many long params are sent in several requests", {
  id <- new_run_id()
  params <- stats::setNames(rep(list(strrep("\u00fc\"", 30000)), 60), paste0("p", 1:60))
  runstream_log_batch(params = params, run_id = id)
  expect_equal(sort(runstream_get_run(id)$params$key), sort(names(params)))
})

test_that("a bad frame logs nothing", {
  id <- new_run_id()
  good <- data.frame(key = "a", value = 1)
  for (bad in list(
    data.frame(key = "a"), data.frame(key = "a", value = NA_real_), data.frame(key = "a/", value = 1),
    data.frame(key = "a", value = 1, step = 0.5), data.frame(key = "a", value = 1, timestamp = -1)
  )) {
    expect_error(runstream_log_batch(bad, list(p = 1), run_id = id), class = "runstream_invalid_argument")
  }
  expect_error(runstream_log_batch(good, list(1), run_id = id), "named", class = "runstream_invalid_argument")
  run <- runstream_get_run(id)
  expect_equal(c(nrow(run$metrics), nrow(run$params)), c(0, 0))
})

test_that("a param is set once, tags are overwritten and deleted", {
  id <- new_run_id()
  runstream_log_param("a", 0.1, id)
  runstream_log_param("a", 0.1, id)
  error <- tryCatch(runstream_log_param("a", 0.2, id), runstream_invalid_argument = identity)
  expect_equal(error$reason, "PARAM_IMMUTABLE")
  expect_match(conditionMessage(error), "1 params of run .* are not stored: a")
  runstream_set_tag("t", "one", id)
  runstream_set_tag("t", "two", id)
  expect_equal(runstream_search_runs()$tags.t, "two")
  runstream_delete_tag("t", id)
  expect_error(runstream_delete_tag("t", id), class = "runstream_not_found")
})

test_that("what is refused later names what is missing, and is not kept", {
  new_experiment_id()
  run <- runstream_start_run()
  runstream_log_metric("a", 1:3, step = 1:3)
  runstream_delete_run(run)
  expect_error(runstream_end_run(), "3 points of run .* are not stored: a", class = "runstream_failed_precondition")
  expect_null(runstream_active_run())
})

test_that("a search has all its pages", {
  new_experiment_id()
  for (i in 1:3) with(runstream_start_run(), runstream_log_param(paste0("p", i), i))
  expect_equal(nrow(runstream_search_runs(max_results = 2)), 2)
  pages <- all_pages(
    paste0(RUNSTREAM, "runs/search"), list(experiment_ids = I(current_experiment())), "runs", Inf,
    page_rows = 1
  )
  frame <- run_frame(pages)
  expect_equal(nrow(frame), 3)
  expect_setequal(frame$params.p2, c(NA, "2", NA))
  expect_equal(nrow(runstream_search_runs("params.p1 = 'none'")), 0)
  error <- tryCatch(runstream_search_runs("metrics.loss <"), runstream_invalid_argument = identity)
  expect_equal(error$reason, "FILTER_MALFORMED")
})
