test_that("files and folders come back as they were", {
  id <- new_run_id()
  folder <- tempfile("sent")
  dir.create(file.path(folder, "deep", "deeper"), recursive = TRUE)
  bytes <- as.raw(sample(0:255, 1e6, replace = TRUE))
  writeBin(bytes, file.path(folder, "deep", "numbers.bin"))
  writeLines("a", file.path(folder, "deep", "deeper", "50% of it & more.txt"))
  file.create(file.path(folder, "empty"))
  stored <- runstream_log_artifacts(folder, "out", id)
  expect_setequal(stored, c("out/deep/numbers.bin", "out/deep/deeper/50% of it & more.txt", "out/empty"))
  runstream_log_artifact(file.path(folder, "empty"), run_id = id)
  found <- runstream_list_artifacts(run_id = id)
  expect_equal(found, data.frame(path = c("empty", "out"), is_dir = c(FALSE, TRUE), file_size = c(0, NA)))
  here <- runstream_download_artifacts("out", id)
  expect_identical(readBin(file.path(here, "deep", "numbers.bin"), "raw", 2e6), bytes)
  expect_equal(readLines(file.path(here, "deep", "deeper", "50% of it & more.txt")), "a")
  expect_equal(file.size(file.path(here, "empty")), 0)
  runstream_delete_artifacts("out", id)
  expect_equal(runstream_list_artifacts(run_id = id)$path, "empty")
})

test_that("a table keeps its numbers", {
  id <- new_run_id()
  table <- data.frame(a = c(0.1, NA, NaN, Inf), b = factor(c("x", "y", NA, "z")), c = c(TRUE, NA, FALSE, TRUE))
  runstream_log_table(table, "t/x.json", id)
  text <- readLines(runstream_download_artifacts("t/x.json", id), warn = FALSE)
  expect_equal(text, paste0(
    '{"columns":["a","b","c"],"data":[[0.1,"x",true],[null,"y",null],',
    '["NaN",null,false],["Infinity","z",true]]}'
  ))
  expect_error(runstream_log_table(1:3, "x.json", id), class = "runstream_invalid_argument")
})

test_that("what is not there is said", {
  id <- new_run_id()
  expect_error(runstream_download_artifacts("nothing", id), class = "runstream_not_found")
  expect_error(runstream_log_artifact(tempfile(), run_id = id), "no file", class = "runstream_invalid_argument")
})

test_that("no path of a server leads out of the folder", {
  for (path in c("../x", "a/../../x", "/etc/x", "a\\..\\x", "C:/x")) {
    expect_error(check_below("here", path), "leads out", class = "runstream_invalid_argument")
  }
  expect_equal(check_below("here", "a/..b/c"), "here/a/..b/c")
})
