test_that("a training of caret is logged with its candidates", {
  id <- new_run_id()
  fit <- caret::train(
    dist ~ speed, cars, method = "knn", tuneGrid = data.frame(k = c(3, 5, 7)),
    trControl = caret::trainControl(method = "cv", number = 3)
  )
  runstream_log_caret(fit, id)
  expect_identical(runstream_get_metric_history("RMSE", id)$value, fit$results$RMSE)
  expect_identical(runstream_get_metric_history("tune/k", id)$value, fit$results$k)
  params <- runstream_get_run(id)$params
  expect_equal(
    params$value[match(c("caret.method", "best.k", "caret.resamples"), params$key)],
    c("knn", to_text(fit$bestTune$k), "3")
  )
  expect_error(runstream_log_caret(lm(dist ~ speed, cars), id), class = "runstream_invalid_argument")
})
