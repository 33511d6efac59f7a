test_that("a number of a param has as few digits as tell it apart", {
  texts <- vapply(c(0.1, 1 / 3, 1e5, 1e-7, 2^53, 1e300, -0.5, NaN, Inf, -Inf), to_text, "")
  expect_equal(texts, c(
    "0.1", "0.3333333333333333", "100000", "1e-07", "9007199254740992", "1e+300", "-0.5",
    "NaN", "Infinity", "-Infinity"
  ))
  expect_identical(as.double(to_text(1e300)), 1e300)
  expect_equal(to_text(123456789L), "123456789")
})

test_that("factors, dates, times and logicals are texts that people read", {
  expect_equal(to_text(factor("b", c("a", "b"))), "b")
  expect_equal(to_text(as.Date("2026-01-31")), "2026-01-31")
  expect_equal(to_text(as.POSIXct("2026-01-31 12:00:00", tz = "Etc/GMT-2")), "2026-01-31T10:00:00.000Z")
  expect_equal(to_text(TRUE), "TRUE")
})

test_that("values of metrics keep every digit", {
  values <- c(0.1, 1 / 3, 5e-324, .Machine$double.xmax, 1 + 2^-52)
  expect_identical(as.double(value_texts(values)), values)
  expect_equal(value_texts(c(NaN, Inf, -Inf, -0)), c("NaN", "Infinity", "-Infinity", "-0"))
  expect_equal(value_texts(TRUE), "1")
})

test_that("what is no value is refused with its name", {
  expect_error(value_texts(c(1, NA)), "value is NA in row 2", class = "runstream_invalid_argument")
  expect_error(value_texts("0.5"), "has to be numeric", class = "runstream_invalid_argument")
  expect_error(value_texts(factor(1)), "has to be numeric", class = "runstream_invalid_argument")
  expect_error(param_text(NA, "params.a"), "params.a is NA", class = "runstream_invalid_argument")
  expect_error(param_text(1:3, "params.a"), "has 3 values", class = "runstream_invalid_argument")
  expect_error(param_text(NULL, "params.a"), "has 0 values", class = "runstream_invalid_argument")
  expect_error(param_text(strrep("x", 65537), "params.a"), "65536 are the limit", class = "runstream_invalid_argument")
})

test_that("integers beyond 2^53 are texts, or integer64", {
  expect_equal(integer_texts(c(1, 2^53), "step"), c("1", "9007199254740992"))
  expect_equal(integer_texts("-9223372036854775808", "step"), "-9223372036854775808")
  for (step in list(2^54, 1.5, NA, Inf, "x", "1e5", factor(1))) {
    expect_error(integer_texts(step, "step"), "step ", class = "runstream_invalid_argument")
  }
  skip_if_not_installed("bit64")
  expect_equal(integer_texts(bit64::as.integer64("9007199254740993"), "step"), "9007199254740993")
})

test_that("timestamps are milliseconds or times, and not negative", {
  time <- as.POSIXct(1700000000.123, origin = "1970-01-01")
  expect_equal(timestamp_texts(time), "1700000000123")
  expect_error(timestamp_texts(-1), "must not be negative", class = "runstream_invalid_argument")
})

test_that("rows are split by their bytes", {
  parts <- split_rows(rep(1e5, 100))
  expect_equal(unlist(parts, use.names = FALSE), 1:100)
  expect_lte(max(lengths(parts)) * 1e5, BATCH_BYTES + 1e5)
  expect_equal(json_bytes("a\"\u0001\u00e9"), 13)
})

test_that("ids leave the random numbers of the program alone", {
  set.seed(1)
  first <- runif(1)
  set.seed(1)
  expect_match(random_id(), "^[0-9a-f]{32}$")
  expect_equal(runif(1), first)
})

test_that("a tracking URI is that of HTTP", {
  expect_error(runstream_set_tracking_uri("grpc://host:50051"), "HTTP port", class = "runstream_invalid_argument")
  expect_error(runstream_set_tracking_uri("ftp"), "HTTP port", class = "runstream_invalid_argument")
})
